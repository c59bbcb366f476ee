# The first of several boots of one disk: what is to run after the next one.
load ../helper

@test "boot: containers of every restart policy run, as the installed program's" {
  tar -C /guest/build -cf - . | tar -C /usr/local -xf -
  systemctl daemon-reload
  systemctl enable coracle-boot
  import_box
  for policy in no on-failure unless-stopped always; do
    coracle run -d --name "$policy" --restart "$policy" box:1 sleep 1000
  done
  coracle run -d --name stopped --restart unless-stopped box:1 sleep 1000
  coracle run -d --name always-stopped --restart always box:1 sleep 1000
  coracle stop -t 0 stopped always-stopped
  coracle run -d --name web --restart always -p 8080:80 -m 64m box:1 httpd -f -p 80 -h /www
  wait_until curl -sf http://127.0.0.1:8080/
}
