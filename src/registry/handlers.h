/*
 * The handlers that route.c's table names. Each returns 0 with an answer given (or, in `begin`, none yet), or -1 with
 * *err for what it could not foresee, which becomes a 500.
 */
#pragma once

#include "registry/request.h"

int page_home(struct request *request, struct error *err);
int page_health(struct request *request, struct error *err);
int page_metrics(struct request *request, struct error *err);
int api_version(struct request *request, struct error *err);

int token_get(struct request *request, struct error *err);
int token_post(struct request *request, struct error *err);

int blob_get(struct request *request, struct error *err); /* HEAD, too */
int blob_delete(struct request *request, struct error *err);

int upload_begin(struct request *request, struct error *err);
int upload_receive(struct request *request, const void *bytes, size_t size, struct error *err);
int upload_begin_finish(struct request *request, struct error *err);
int upload_resume(struct request *request, struct error *err);
int upload_patch_finish(struct request *request, struct error *err);
int upload_put_begin(struct request *request, struct error *err);
int upload_put_finish(struct request *request, struct error *err);
int upload_status(struct request *request, struct error *err);
int upload_cancel(struct request *request, struct error *err);

int manifest_get(struct request *request, struct error *err); /* HEAD, too */
int manifest_put_begin(struct request *request, struct error *err);
int manifest_put(struct request *request, struct error *err);
int manifest_delete(struct request *request, struct error *err);
int referrers_get(struct request *request, struct error *err);

int tags_list(struct request *request, struct error *err);
int catalog_list(struct request *request, struct error *err);
