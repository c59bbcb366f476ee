#!/usr/bin/env bats
# The distribution protocol and its attacks, against the real program on a free port. CORACLE_REGISTRY names it.

setup_file() {
	export FOLDER=$(mktemp -d /tmp/coracle-registry-XXXXXX)
	export CORACLE_REGISTRY_ROOT=$FOLDER/root
	: "${CORACLE_REGISTRY:?names the program to test}"
	"$CORACLE_REGISTRY" user add RegId
	"$CORACLE_REGISTRY" user add other
	export TOKEN=$("$CORACLE_REGISTRY" token create --user regid --scope read,write,delete 2>/dev/null)
	export OTHER=$("$CORACLE_REGISTRY" token create --user other --scope read,write 2>/dev/null)
	export READER=$("$CORACLE_REGISTRY" token create --user regid --scope read 2>/dev/null)
	start
	export MANIFEST_TYPE=application/vnd.oci.image.manifest.v1+json
	export INDEX_TYPE=application/vnd.oci.image.index.v1+json
}

teardown_file() {
	stop
	rm -rf "$FOLDER"
}

start() {
	local before=0
	[ -e "$FOLDER/log" ] && before=$(grep -c ^listening "$FOLDER/log")
	"$CORACLE_REGISTRY" serve --listen 127.0.0.1:0 "$@" >>"$FOLDER/log" 2>>"$FOLDER/err" 3>&- &
	echo $! >"$FOLDER/pid"
	for _ in $(seq 100); do
		[ "$(grep -c ^listening "$FOLDER/log")" -gt "$before" ] && break
		sleep 0.05
	done
	export URL=$(sed -n 's/^listening on //p' "$FOLDER/log" | tail -1)
	echo "$URL" >"$FOLDER/url"
}

stop() {
	kill "$(cat "$FOLDER/pid")"
	while kill -0 "$(cat "$FOLDER/pid")" 2>/dev/null; do sleep 0.05; done
}

setup() {
	URL=$(cat "$FOLDER/url")
}

# bearer SCOPE [USER:TOKEN]
bearer() {
	curl -s -u "${2:-regid:$TOKEN}" "$URL/token?service=x&scope=$1" | sed 's/.*"token":"\([^"]*\)".*/\1/'
}

# call METHOD PATH [curl's arguments]: status in $status, headers in $headers, body in $body
call() {
	local method=$1 path=$2
	shift 2
	local head=()
	[ "$method" = HEAD ] && head=(--head)
	status=$(curl -s -X "$method" "${head[@]}" -D "$FOLDER/headers" -o "$FOLDER/body" -w '%{http_code}' "$@" "$URL$path")
	headers=$(tr -d '\r' <"$FOLDER/headers")
	body=$(cat "$FOLDER/body" 2>/dev/null | tr -d '\0')
}

as() {
	call "$@" -u "regid:$TOKEN"
}

expect() {
	if [ "$status" != "$1" ] || { [ -n "$2" ] && [[ $body != *"\"code\":\"$2\""* ]]; }; then
		echo "status $status, wanted $1 $2: $headers $body" >&2
		return 1
	fi
}

header() {
	sed -n "s/^$1: //Ip" <<<"$headers" | tail -1
}

digest() {
	echo "sha256:$(printf '%s' "$1" | sha256sum | cut -d' ' -f1)"
}

# push_blob REPOSITORY TEXT
push_blob() {
	as POST "/v2/$1/blobs/uploads/?digest=$(digest "$2")" --data-binary "$2"
	expect 201
}

manifest() {
	printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"%s","size":%d},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"%s","size":%d}]%s}' \
		"$MANIFEST_TYPE" "$(digest "$1")" "${#1}" "$(digest "$2")" "${#2}" "$3"
}

# push_image REPOSITORY TAG
push_image() {
	push_blob "$1" config
	push_blob "$1" layer
	as PUT "/v2/$1/manifests/$2" -H "Content-Type: $MANIFEST_TYPE" --data-binary "$(manifest config layer)"
	expect 201
}

@test "the challenge names realm, service and scope" {
	call GET /v2/
	expect 401 UNAUTHORIZED
	[ "$(header WWW-Authenticate)" = "Bearer realm=\"$URL/token\",service=\"${URL#http://}\"" ]
	[ "$(header Docker-Distribution-Api-Version)" = registry/2.0 ]
	call GET /v2/regid/s2/manifests/v1
	expect 401 UNAUTHORIZED
	[[ $(header WWW-Authenticate) == *'scope="repository:regid/s2:pull"' ]]
	call POST /v2/regid/s2/blobs/uploads/ -d ''
	[[ $(header WWW-Authenticate) == *'scope="repository:regid/s2:pull,push"' ]]
}

@test "a token in Basic, as bearer, and in any case of the user's name" {
	for user in regid REGID RegId; do
		call GET /v2/ -u "$user:$TOKEN"
		expect 200
	done
	call GET /v2/ -H "Authorization: Bearer $TOKEN"
	expect 200
	call GET /v2/ -H "Authorization: Bearer $(bearer '')"
	expect 200
	call GET /v2/ -u "other:$TOKEN"
	expect 401
	call GET /v2/ -u "regid:wrong"
	expect 401
	call GET /v2/ -H 'Authorization: Digest x'
	expect 401
}

@test "oauth2: grants of password and refresh_token" {
	call POST /token --data-urlencode grant_type=password --data-urlencode username=regid \
		--data-urlencode "password=$TOKEN" --data-urlencode 'scope=repository:regid/s2:pull'
	expect 200
	[[ $body == *'"access_token":"ey'* ]]
	call POST /token -d grant_type=refresh_token --data-urlencode "refresh_token=$TOKEN"
	expect 200
	call POST /token -d grant_type=refresh_token -d refresh_token=crt_wrong
	expect 401 UNAUTHORIZED
	call POST /token -d grant_type=magic
	expect 400
}

@test "push in one request, pull, HEAD, ranges" {
	push_blob regid/one 0123456789
	[ "$(header Docker-Content-Digest)" = "$(digest 0123456789)" ]
	path=$(header Location)
	as HEAD "$path"
	expect 200
	[ "$(header Content-Length)" = 10 ]
	as GET "$path"
	expect 200
	[ "$body" = 0123456789 ]
	for row in '2-4 206 234' '7- 206 789' '-2 206 89' '5-99 206 56789' '9-2 200 0123456789'; do
		read -r range code text <<<"$row"
		as GET "$path" -H "Range: bytes=$range"
		expect "$code"
		[ "$body" = "$text" ]
	done
	as GET "$path" -H 'Range: bytes=10-'
	expect 416 RANGE_INVALID
	[ "$(header Content-Range)" = 'bytes */10' ]
	as GET "$path" -H "If-None-Match: \"$(digest 0123456789)\""
	expect 304
}

@test "push in chunks: ranges, status, order, cancel" {
	as POST /v2/regid/a/b/c/blobs/uploads/ -d ''
	expect 202
	path=$(header Location)
	[ -n "$(header Docker-Upload-UUID)" ]
	as PATCH "$path" -H 'Content-Range: 0-4' --data-binary 01234
	expect 202
	[ "$(header Range)" = 0-4 ]
	as PATCH "$path" -H 'Content-Range: 9-10' --data-binary 90
	expect 416 RANGE_INVALID
	[ "$(header Range)" = 0-4 ]
	as PATCH "$path" -H 'Content-Range: 5-9' --data-binary 567
	expect 400 SIZE_INVALID
	as PATCH "$path" -H 'Content-Range: nonsense' --data-binary 567
	expect 400 BLOB_UPLOAD_INVALID
	as GET "$path"
	expect 204
	[ "$(header Range)" = 0-4 ]
	as PATCH "$path" -H 'Content-Range: 5-7' --data-binary 567
	expect 202
	as PUT "$path?digest=$(digest 0123456789)" --data-binary 89
	expect 201
	as GET "/v2/regid/a/b/c/blobs/$(digest 0123456789)"
	[ "$body" = 0123456789 ]
	as GET "$path"
	expect 404 BLOB_UPLOAD_UNKNOWN
	as POST /v2/regid/a/b/c/blobs/uploads/ -d ''
	path=$(header Location)
	as DELETE "$path"
	expect 204
	as PATCH "$path" --data-binary x
	expect 404 BLOB_UPLOAD_UNKNOWN
}

@test "an upload can be gone on with as soon as it was answered" {
	for i in $(seq 40); do
		as POST /v2/regid/soon/blobs/uploads/ -d ''
		path=$(header Location)
		as PATCH "$path" --data-binary "$i"
		expect 202
		as PUT "$path?digest=$(digest "$i")"
		expect 201
	done
}

@test "an upload belongs to its repository and its user" {
	as POST /v2/regid/own/blobs/uploads/ -d ''
	id=$(header Docker-Upload-UUID)
	as GET "/v2/regid/else/blobs/uploads/$id"
	expect 404 BLOB_UPLOAD_UNKNOWN
	"$CORACLE_REGISTRY" grant add other 'regid/own' --scope write
	call GET "/v2/regid/own/blobs/uploads/$id" -u "other:$OTHER"
	"$CORACLE_REGISTRY" grant rm other 'regid/own'
	expect 404 BLOB_UPLOAD_UNKNOWN
}

@test "an upload goes on after kill -9" {
	as POST /v2/regid/crash/blobs/uploads/ -d ''
	path=$(header Location)
	as PATCH "$path" --data-binary 01234
	expect 202
	kill -9 "$(cat "$FOLDER/pid")"
	start
	as GET "$path"
	expect 204
	[ "$(header Range)" = 0-4 ]
	as PUT "$path?digest=$(digest 0123456789)" --data-binary 56789
	expect 201
}

@test "digests are checked" {
	as POST "/v2/regid/bad/blobs/uploads/?digest=$(digest x)" --data-binary y
	expect 400 DIGEST_INVALID
	as GET "/v2/regid/bad/blobs/$(digest x)"
	expect 404 BLOB_UNKNOWN
	for digest in 'sha256:../../x' sha256:ab md5:abc "sha256:$(printf 'A%.0s' $(seq 64))" ''; do
		as POST "/v2/regid/bad/blobs/uploads/?digest=$digest" --data-binary y
		expect 400 DIGEST_INVALID
	done
	sha512=sha512:$(printf big | sha512sum | cut -d' ' -f1)
	as POST "/v2/regid/bad/blobs/uploads/?digest=$sha512" --data-binary big
	expect 201
	as GET "/v2/regid/bad/blobs/$sha512"
	[ "$body" = big ]
}

@test "manifests by tag and digest" {
	push_image regid/app v1
	text=$(manifest config layer)
	[ "$(header Docker-Content-Digest)" = "$(digest "$text")" ]
	[ "$(header Location)" = "/v2/regid/app/manifests/$(digest "$text")" ]
	for reference in v1 "$(digest "$text")"; do
		as GET "/v2/regid/app/manifests/$reference"
		expect 200
		[ "$body" = "$text" ]
		[ "$(header Content-Type)" = "$MANIFEST_TYPE" ]
		as HEAD "/v2/regid/app/manifests/$reference"
		expect 200
		[ "$(header Content-Length)" = "${#text}" ]
	done
	index="{\"schemaVersion\":2,\"mediaType\":\"$INDEX_TYPE\",\"manifests\":[{\"mediaType\":\"$MANIFEST_TYPE\",\"digest\":\"$(digest "$text")\",\"size\":${#text},\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}]}"
	as PUT /v2/regid/app/manifests/multi -H "Content-Type: $INDEX_TYPE" --data-binary "$index"
	expect 201
	as PUT /v2/regid/empty/manifests/multi -H "Content-Type: $INDEX_TYPE" --data-binary "$index"
	expect 404 MANIFEST_BLOB_UNKNOWN
	sha512=sha512:$(printf '%s' "$text" | sha512sum | cut -d' ' -f1)
	as PUT "/v2/regid/app/manifests/$sha512" -H "Content-Type: $MANIFEST_TYPE" --data-binary "$text"
	expect 201
	as GET "/v2/regid/app/manifests/$sha512"
	[ "$body" = "$text" ]
}

@test "CVE-2021-41190: manifests that could be taken for something else" {
	push_image regid/app v1
	text=$(manifest config layer)
	while IFS='|' read -r type document; do
		as PUT /v2/regid/app/manifests/evil -H "Content-Type: $type" --data-binary "$document"
		expect 400 MANIFEST_INVALID
	done <<-ROWS
		$INDEX_TYPE|$text
		$MANIFEST_TYPE|${text%\}},"manifests":[]}
		$MANIFEST_TYPE|${text%\}},"Layers":[]}
		$MANIFEST_TYPE|{"schemaVersion":2}
		$MANIFEST_TYPE|{"schemaVersion":1,"fsLayers":[]}
		$MANIFEST_TYPE|[]
		$MANIFEST_TYPE|not json
		application/json|$text
	ROWS
	as PUT /v2/regid/app/manifests/evil -H "Content-Type: $MANIFEST_TYPE" --data-binary "$(manifest config missing)"
	expect 404 MANIFEST_BLOB_UNKNOWN
	as PUT "/v2/regid/app/manifests/$(digest else)" -H "Content-Type: $MANIFEST_TYPE" --data-binary "$text"
	expect 400 DIGEST_INVALID
	as GET /v2/regid/app/manifests/evil
	expect 404 MANIFEST_UNKNOWN
}

@test "rows 6 and 50: a manifest of more than 4 MiB" {
	head -c 4200000 /dev/zero | tr '\0' ' ' >"$FOLDER/big"
	for expect_header in 'Expect:' 'Expect: 100-continue' 'Transfer-Encoding: chunked'; do
		as PUT /v2/regid/app/manifests/big -H "Content-Type: $MANIFEST_TYPE" -H "$expect_header" --data-binary "@$FOLDER/big"
		expect 413
	done
}

@test "CVE-2023-2253: page sizes are bounded" {
	for i in 1 2 3 4 5; do push_image regid/pages "t$i"; done
	as GET '/v2/regid/pages/tags/list?n=2'
	[ "$body" = '{"name":"regid/pages","tags":["t1","t2"]}' ]
	[ "$(header Link)" = '</v2/regid/pages/tags/list?n=2&last=t2>; rel="next"' ]
	as GET '/v2/regid/pages/tags/list?n=2&last=t4'
	[ "$body" = '{"name":"regid/pages","tags":["t5"]}' ]
	[ -z "$(header Link)" ]
	as GET '/v2/regid/pages/tags/list?n=0'
	[ "$body" = '{"name":"regid/pages","tags":[]}' ]
	as GET /v2/regid/nothing/tags/list
	expect 404 NAME_UNKNOWN
	for n in 2147483648 99999999999999999999999 -1 x; do
		as GET "/v2/_catalog?n=$n"
		expect 400 PAGINATION_NUMBER_INVALID
		as GET "/v2/regid/pages/tags/list?n=$n"
		expect 400 PAGINATION_NUMBER_INVALID
	done
}

# many URL-WITH-A-RANGE: an empty index at each of them, over one connection.
many() {
	printf '{"schemaVersion":2,"mediaType":"%s","manifests":[]}' "$INDEX_TYPE" >"$FOLDER/many"
	[ "$(curl -s -u "regid:$TOKEN" -X PUT -H "Content-Type: $INDEX_TYPE" --data-binary "@$FOLDER/many" -o "$FOLDER/body" \
		-w '%{http_code}\n' "$URL$1" | sort -u)" = 201 ]
}

@test "CVE-2023-2253: a page has at most a thousand names, however many are asked for" {
	local query first rest
	many '/v2/regid/tagged/manifests/t[1-1001]'
	many '/v2/regid/many[1-1001]/manifests/x'
	for query in '' '?n=1001' '?n=2147483647'; do
		as GET "/v2/regid/tagged/tags/list$query"
		expect 200
		[ "$(grep -o '"t[0-9]*"' <<<"$body" | wc -l)" -eq 1000 ]
		[[ $(header Link) == '</v2/regid/tagged/tags/list?n=1000&last=t'*'>; rel="next"' ]]
		as GET "/v2/_catalog$query"
		expect 200
		[ "$(grep -o '"regid/[^"]*"' <<<"$body" | wc -l)" -eq 1000 ]
		[[ $(header Link) == '</v2/_catalog?n=1000&last=regid/many'*'>; rel="next"' ]]
	done
	# The rest is on the next page, and nothing twice.
	first=$(grep -o '"regid/many[^"]*"' <<<"$body")
	as GET "$(sed 's/^<\(.*\)>.*/\1/' <<<"$(header Link)")"
	expect 200
	[ -z "$(header Link)" ]
	rest=$(grep -o '"regid/many[^"]*"' <<<"$body")
	[ "$(printf '%s\n' "$first" "$rest" | sort -u | wc -l)" -eq 1001 ]
	[ "$(printf '%s\n' "$first" "$rest" | wc -l)" -eq 1001 ]
}

@test "the catalog holds what its reader may pull" {
	push_image regid/app v1
	as GET '/v2/_catalog'
	expect 200
	[[ $body == *'"regid/app"'* ]]
	call GET /v2/_catalog -u "other:$OTHER"
	[ "$body" = '{"repositories":[]}' ]
	call GET /v2/_catalog
	expect 401
	call GET /v2/_catalog -H "Authorization: Bearer $(bearer registry:catalog:*)"
	expect 200
}

@test "deletes: tag, manifest, blob (row 48)" {
	push_image regid/del v1
	push_image regid/del v2
	text=$(manifest config layer)
	as GET "/v2/regid/del/manifests/v1"
	as DELETE /v2/regid/del/manifests/v1
	expect 202
	as GET /v2/regid/del/manifests/v1
	expect 404 MANIFEST_UNKNOWN
	as GET /v2/regid/del/manifests/v2
	expect 200
	as DELETE "/v2/regid/del/manifests/$(digest "$text")"
	expect 202
	as GET /v2/regid/del/manifests/v2
	expect 404 MANIFEST_UNKNOWN
	as DELETE "/v2/regid/del/blobs/$(digest layer)"
	expect 202
	for method in GET HEAD DELETE; do
		as $method "/v2/regid/del/blobs/$(digest layer)"
		expect 404
	done
	as GET /v2/regid/del/tags/list
	[ "$body" = '{"name":"regid/del","tags":[]}' ]
}

@test "referrers" {
	push_image regid/ref v1
	subject=$(digest "$(manifest config layer)")
	text=$(manifest config layer ",\"artifactType\":\"application/x.sign\",\"annotations\":{\"a\":\"b\"},\"subject\":{\"mediaType\":\"$MANIFEST_TYPE\",\"digest\":\"$subject\",\"size\":9}")
	as PUT "/v2/regid/ref/manifests/$(digest "$text")" -H "Content-Type: $MANIFEST_TYPE" --data-binary "$text"
	expect 201
	[ "$(header OCI-Subject)" = "$subject" ]
	as GET "/v2/regid/ref/referrers/$subject"
	expect 200
	[ "$(header Content-Type)" = "$INDEX_TYPE" ]
	[[ $body == *"\"digest\":\"$(digest "$text")\""*'"artifactType":"application/x.sign"'*'"annotations":{"a":"b"}'* ]]
	as GET "/v2/regid/ref/referrers/$subject?artifactType=x/y"
	[ "$(header OCI-Filters-Applied)" = artifactType ]
	[[ $body == *'"manifests":[]'* ]]
	as GET "/v2/regid/never/referrers/$subject"
	expect 200
}

@test "scopes: 403 where it may never be, 401 where another token would do" {
	push_image regid/app v1
	call PUT /v2/regid/app/manifests/v2 -u "regid:$READER" -d x
	expect 403 DENIED
	call GET /v2/regid/app/manifests/v1 -u "other:$OTHER"
	expect 403 DENIED
	call GET /v2/regid/missing/manifests/v1 -u "other:$OTHER"
	expect 403 DENIED
	call DELETE /v2/other/x/manifests/v1 -u "other:$OTHER"
	expect 403 DENIED
	narrow=$(bearer repository:regid/app:pull)
	call GET /v2/regid/app/manifests/v1 -H "Authorization: Bearer $narrow"
	expect 200
	call GET /v2/regid/pages/tags/list -H "Authorization: Bearer $narrow"
	expect 401
	[[ $(header WWW-Authenticate) == *insufficient_scope* ]]
	greedy=$(bearer repository:regid/app:pull,push,delete "other:$OTHER")
	call GET /v2/regid/app/manifests/v1 -H "Authorization: Bearer $greedy"
	expect 403 DENIED
	"$CORACLE_REGISTRY" grant add other 'regid/*' --scope read
	call GET /v2/regid/app/manifests/v1 -u "other:$OTHER"
	expect 200
	"$CORACLE_REGISTRY" grant rm other 'regid/*'
	call GET /v2/regid/app/manifests/v1 -u "other:$OTHER"
	expect 403 DENIED
}

@test "a token for some repositories only" {
	push_image regid/app v1
	token=$("$CORACLE_REGISTRY" token create --user regid --scope read --repository regid/app 2>/dev/null)
	call GET /v2/regid/app/manifests/v1 -u "regid:$token"
	expect 200
	call GET /v2/regid/pages/tags/list -u "regid:$token"
	expect 403 DENIED
}

@test "CVE-2024-39897: mounting what one may not read" {
	push_blob regid/secret treasure
	call POST "/v2/other/x/blobs/uploads/?mount=$(digest treasure)&from=regid/secret" -u "other:$OTHER" -d ''
	expect 202
	call GET "/v2/other/x/blobs/$(digest treasure)" -u "other:$OTHER"
	expect 404 BLOB_UNKNOWN
	narrow=$(bearer repository:regid/mine:pull,push)
	call POST "/v2/regid/mine/blobs/uploads/?mount=$(digest treasure)&from=regid/secret" -H "Authorization: Bearer $narrow" -d ''
	expect 202
	as POST "/v2/regid/mine/blobs/uploads/?mount=$(digest treasure)&from=regid/secret" -d ''
	expect 201
	as GET "/v2/regid/mine/blobs/$(digest treasure)"
	[ "$body" = treasure ]
	as POST "/v2/regid/mine/blobs/uploads/?mount=$(digest never)&from=regid/secret" -d ''
	expect 202
}

@test "CVE-2025-24976: forged tokens" {
	good=$(bearer repository:regid/app:pull)
	payload=$(cut -d. -f2 <<<"$good")
	signature=$(cut -d. -f3 <<<"$good")
	none=$(printf '{"alg":"none","typ":"JWT"}' | base64 -w0 | tr -d =)
	openssl genpkey -algorithm ed25519 -out "$FOLDER/forger.pem"
	header=$(cut -d. -f1 <<<"$good")
	printf '%s' "$header.$payload" >"$FOLDER/forged"
	forged=$(openssl pkeyutl -sign -inkey "$FOLDER/forger.pem" -rawin -in "$FOLDER/forged" | base64 -w0 | tr '+/' '-_' | tr -d =)
	for token in "$none.$payload." "$none.$payload.$signature" "$header.$payload.$forged" "$header.$payload." x.y.z; do
		call GET /v2/regid/app/manifests/v1 -H "Authorization: Bearer $token"
		expect 401 UNAUTHORIZED
	done
	call GET /v2/regid/app/manifests/v1 -H "Authorization: Bearer $good" -H 'Host: elsewhere.test'
	expect 401 UNAUTHORIZED
	call GET "/token?scope=repository:regid/app:pull" -H "Authorization: Bearer $good"
	expect 401 UNAUTHORIZED
}

@test "CVE-2025-23208: a revoked token ends at once, and what was bought with it" {
	"$CORACLE_REGISTRY" token create --user regid --scope read --name short >"$FOLDER/secret" 2>"$FOLDER/id"
	token=$(cat "$FOLDER/secret")
	id=$(cut -d' ' -f2 "$FOLDER/id")
	bought=$(bearer repository:regid/app:pull "regid:$token")
	call GET /v2/regid/app/manifests/v1 -H "Authorization: Bearer $bought"
	expect 200
	"$CORACLE_REGISTRY" token revoke "$id"
	call GET /v2/regid/app/manifests/v1 -H "Authorization: Bearer $bought"
	expect 401 UNAUTHORIZED
	call GET /v2/ -u "regid:$token"
	expect 401 UNAUTHORIZED
	call GET /token -u "regid:$token"
	expect 401 UNAUTHORIZED
	"$CORACLE_REGISTRY" token ls --user regid | grep "$id" | grep revoked
}

@test "passwords, and a removed user" {
	printf 'correct horse\n' | "$CORACLE_REGISTRY" user add brief --password-stdin
	call GET /v2/ -u 'brief:correct horse'
	expect 200
	call GET /v2/ -u 'brief:correct'
	expect 401
	bought=$(bearer '' 'brief:correct horse')
	call GET /v2/ -H "Authorization: Bearer $bought"
	expect 200
	"$CORACLE_REGISTRY" user rm brief
	call GET /v2/ -H "Authorization: Bearer $bought"
	expect 401
}

@test "names, tags, methods and paths that are none" {
	while read -r method path code name; do
		as "$method" "$path" --path-as-is
		expect "$code" "$name"
	done <<-'ROWS'
		GET /v2/Upper/manifests/v1 400 NAME_INVALID
		GET /v2/regid/../x/manifests/v1 400 NAME_INVALID
		GET /v2/regid/s2/manifests/-tag 404 MANIFEST_UNKNOWN
		GET /v2/regid/s2/manifests/sha256:../../x 404 UNSUPPORTED
		GET /v2/regid/s2/manifests/sha256:00 400 DIGEST_INVALID
		GET /v2/regid/s2/blobs/sha256:00 400 DIGEST_INVALID
		GET /v2/regid/s2/blobs/uploads/..%2f..%2fx 404 UNSUPPORTED
		GET /v2/regid/s2/blobs/uploads/xyz 404 BLOB_UPLOAD_UNKNOWN
		PATCH /v2/regid/s2/manifests/v1 405 UNSUPPORTED
		OPTIONS /v2/ 405 UNSUPPORTED
		GET /etc/passwd 404 UNSUPPORTED
	ROWS
}

@test "an upload whose connection broke is taken over, one that goes on is not" {
	python3 "$BATS_TEST_DIRNAME/takeover.py" "$URL" "regid:$TOKEN"
}

@test "CVE-2017-11468: open uploads are bounded for each user" {
	token=$(bearer repository:other/many:pull,push "other:$OTHER")
	for i in $(seq 100); do echo "url = $URL/v2/other/many/blobs/uploads/"; done >"$FOLDER/many"
	curl -s -o /dev/null -X POST -H "Authorization: Bearer $token" -H 'Content-Length: 0' -K "$FOLDER/many"
	call POST /v2/other/many/blobs/uploads/ -H "Authorization: Bearer $token" -d ''
	expect 429 TOOMANYREQUESTS
	as POST /v2/regid/s2/blobs/uploads/ -d ''
	expect 202
}

@test "page, health, counters" {
	call GET /
	[[ $body == *'Coracle registry'* ]]
	call GET /healthz
	[ "$body" = ok ]
	call GET /metrics
	[[ $body == *'coracle_registry_requests_total{status="2xx"}'* ]]
}

@test "anonymous pull, and no authentication at all, only where asked for" {
	push_image regid/app v1
	stop
	start --anonymous-pull
	call GET /v2/regid/app/manifests/v1
	expect 200
	token=$(curl -s "$URL/token?scope=repository:regid/app:pull,push" | sed 's/.*"token":"\([^"]*\)".*/\1/')
	call GET /v2/regid/app/manifests/v1 -H "Authorization: Bearer $token"
	expect 200
	call PUT /v2/regid/app/manifests/v2 -H "Authorization: Bearer $token" -d x
	expect 401
	call GET /v2/
	expect 401
	stop
	start --no-auth
	call POST "/v2/anybody/x/blobs/uploads/?digest=$(digest free)" --data-binary free
	expect 201
	stop
	start
}

@test "a stop lets a request finish" {
	head -c 4000000 /dev/zero >"$FOLDER/zeros"
	as POST "/v2/regid/slow/blobs/uploads/?digest=sha256:$(sha256sum <"$FOLDER/zeros" | cut -d' ' -f1)" --data-binary "@$FOLDER/zeros"
	expect 201
	path=$(header Location)
	curl -s -u "regid:$TOKEN" --limit-rate 2M -o "$FOLDER/slow" "$URL$path" 3>&- &
	client=$!
	sleep 0.5
	stop
	wait "$client"
	cmp "$FOLDER/slow" "$FOLDER/zeros"
	start
}

@test "rows 31 and 49: no secret in logs or database, no file for others" {
	for file in "$FOLDER/log" "$FOLDER/err" "$FOLDER"/root/registry.db*; do
		for secret in "$TOKEN" "$OTHER" "$READER" 'correct horse' eyJhbGci; do
			! grep -aqF "$secret" "$file"
		done
	done
	! grep -aqF Bearer "$FOLDER/log"
	[ -z "$(find "$FOLDER/root" -perm /077)" ]
}
