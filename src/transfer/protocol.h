/*
 * What engine/ and coracle-transfer say to each other.
 *
 * `coracle-transfer` gets one JSON request on standard input, then end-of-file. It answers on descriptor 3 with one
 * JSON object a line, and prints nothing. It exits with 0 where the last line was "done", 1 where it was "error".
 * SIGINT and SIGTERM make it stop at once, leaving only what is verified. It dies with its parent (PR_SET_PDEATHSIG).
 *
 * Requests (members that are not said are optional):
 *   {"operation":"pull","root":DIR,"domain":"ghcr.test","path":"regid/s2","tag":"v0.75","digest":"sha256:…",
 *    "platform":"linux/amd64","replace":["sha256:…",…]}            "replace": diff ids of layers that are damaged here,
 *        and wait in layers/staging after it, to be put in place by the caller
 *   {"operation":"push","root":DIR,"domain":…,"path":…,"tag":…,"manifest":"sha256:…",
 *    "layers":[{"digest":…,"diff_id":…,"size":N,"source":"ghcr.test/regid/other"}],
 *    "compression":"zstd","compression_level":N}
 *   {"operation":"login","domain":…,"username":…,"password":…}      verifies against the registry; stores nothing
 *   {"operation":"digest","domain":…,"path":…,"tag":…}              HEAD of a manifest
 *   {"operation":"tags","domain":…,"path":…}                        the names of all tags
 *   {"operation":"search","domain":…,"term":…,"limit":N}            repositories whose name has the term
 *   {"operation":"copy","from":END,"to":END,"all":false,"platform":…}
 *        END: {"kind":"registry","domain":…,"path":…,"tag":…,"digest":…,"insecure":false}, or
 *        {"kind":"oci"|"oci-archive"|"docker-archive","file":PATH,"name":…}
 *   {"operation":"manifest","domain":…,"path":…,"tag":…,"digest":…,"with_platform":false}
 *   {"operation":"list","domain":…,"path":…,"tag":…,"document":TEXT,"media_type":…,
 *    "manifests":[{"source":"ghcr.test/regid/other","digest":…}]}   puts the index, and before it what it names
 *   {"operation":"fetch","root":DIR,"url":URL,"limit":N,"digest":"sha256:…"}   a file of the web, at most N bytes, into
 *        the blob store: any host, http too, no credentials; with a digest nothing else is taken
 *   {"operation":"blob","root":DIR,"domain":…,"path":…,"digest":…,"size":N}    a blob of a repository into the blob
 * store Every request may hold "insecure":true, where the registry's certificate is not to be verified, as
 * registries.conf can say too, and "username","password": else credentials come from ~/.docker/config.json (auths).
 *
 * Answers:
 *   {"event":"layer","id":"<12 digits>","status":S,"current":N,"total":N}
 *        S is Docker's: Pulling fs layer, Waiting, Downloading, Verifying Checksum, Download complete, Extracting,
 *        Pull complete, Already exists; Preparing, Waiting, Pushing, Pushed, Layer already exists, Mounted from X;
 *        Waiting, Copying, Copied
 *   {"event":"done","manifest":"sha256:…","repository_digest":"sha256:…","size":N,
 *    "layers":[{"diff_id":…,"digest":…,"media_type":…,"size":N,"bytes":N,
 *               "staging":NAME,"has_record":true}]}
 *        after a pull: config and manifest are in the blob store, layers in their folders, all durable; `manifest` is
 *        the platform's manifest, `repository_digest` what the tag names (an index, or the same), `size` the
 *        manifest's; "bytes" (of the files, unpacked) is missing for a layer that was there already;
 *        "staging" is where one of "replace" waits (layer_staging_take)
 *        after a push: manifest, repository_digest (the same), size; and layers where some had to be compressed: then
 *        `manifest` is another than was asked for, and in the blob store as those layers are
 *        after "digest": repository_digest, size; after a login: nothing more
 *   {"event":"done","tags":["v1",…]}                                after "tags"
 *   {"event":"done","results":[{"name":…,"description":…,"stars":N,"official":false}]}
 *        after "search"
 *   {"event":"done","manifest":"sha256:…","media_type":…,"size":N}  after "copy": what the target has now
 *   {"event":"done","media_type":…,"digest":…,"size":N,"is_index":false,"document":TEXT,"platform":{"os":…,…}}
 *        after "manifest"
 *   {"event":"done","digest":"sha256:…","size":N,"last_modified":SECONDS}
 *        after "fetch", and after "blob" without last_modified; last_modified is since 1970, 0 where the server did not
 * say
 *   {"event":"error","kind":"unauthorized","message":"…"}           kind: lower case enum error_kind without ERROR_
 */
#pragma once

#define TRANSFER_ANSWER_FD 3
