#include "engine/build_cache_filter.h"

#include <stdlib.h>

#include "engine/filter.h"
#include "store/cache_mount.h"

static int compare_uses(const void *a, const void *b)
{
	const struct build_cache_row *one = a, *other = b;
	int order = (one->used > other->used) - (one->used < other->used);
	return order ? order : (one->added > other->added) - (one->added < other->added);
}

int build_cache_rows(struct engine *engine, const struct string_list *filters, struct build_cache_list *ret_list,
		     struct build_cache_filter *ret_filter, struct error *err)
{
	static const char *const known[] = {"id", "type", "until", NULL};
	cleanup_build_cache_list struct build_cache_list list = {0};
	struct build_cache_filter filter = {.filters = filters};
	if (filter_check_names(filters, known, err) < 0 || filter_until(filters, time_now(), &filter.until, err) < 0 ||
	    build_cache_list(engine->store, &list, err) < 0 || cache_mount_list(engine->store, &list, err) < 0)
		return -1;
	if (list.count)
		qsort(list.items, list.count, sizeof *list.items, compare_uses);
	*ret_filter = filter;
	*ret_list = list;
	list = (struct build_cache_list){0};
	return 0;
}

bool build_cache_filter_keeps(const struct build_cache_filter *filter, const struct build_cache_row *row)
{
	return (!filter->until || row->used <= filter->until) &&
	       filter_match_text(filter->filters, "id", digest_hex(&row->key)) &&
	       filter_match_text(filter->filters, "type", build_cache_type(row));
}
