/* What a request can ask for; each fills the "done" object of protocol.h, owned by the caller, or fails. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "transfer/http.h"
#include "transfer/request.h"

int pull(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int push(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int login(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int remote_digest(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int remote_tags(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int copy(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int fetch_file(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int fetch_blob(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int remote_manifest(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int push_list(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
int search(const struct request *request, struct http *http, json_t **ret_done, struct error *err);
