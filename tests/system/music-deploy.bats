# The Compose file and the manifests of the music service: they parse, and say what the image and the program say. No
# cluster and no schema is asked.
load helper

@test "manifests: port, user, probes and names are those of the image" {
  run /usr/bin/python3 "$TOP/tests/system/programs/check-deploy" "$TOP/music"
  assert_exit 0
  assert_output 'good'
}
