#include "registry/upload_table.h"

#include <pthread.h>
#include <string.h>

#include "base/memory.h"

struct upload_table {
	pthread_mutex_t lock;
	struct blob_store *blobs;
	struct blob_upload **idle; /* longest unused first */
	size_t count;
	size_t limit;
};

struct upload_table *upload_table_new(struct blob_store *blobs, size_t idle_limit)
{
	struct upload_table *table = allocate(sizeof *table);
	pthread_mutex_init(&table->lock, NULL);
	table->blobs = blobs;
	table->limit = idle_limit;
	table->idle = allocate_array(idle_limit + 1, sizeof(struct blob_upload *));
	return table;
}

void upload_table_free(struct upload_table *table)
{
	if (!table)
		return;
	upload_table_suspend_idle(table);
	pthread_mutex_destroy(&table->lock);
	free(table->idle);
	free(table);
}

static struct blob_upload *remove_at(struct upload_table *table, size_t index)
{
	struct blob_upload *upload = table->idle[index];
	table->count--;
	memmove(table->idle + index, table->idle + index + 1, (table->count - index) * sizeof(struct blob_upload *));
	return upload;
}

int upload_table_take(struct upload_table *table, const char *id, struct blob_upload **ret_upload, struct error *err)
{
	struct blob_upload *upload = NULL;
	pthread_mutex_lock(&table->lock);
	for (size_t i = 0; id && i < table->count && !upload; i++)
		if (strcmp(table->idle[i]->id, id) == 0)
			upload = remove_at(table, i);
	pthread_mutex_unlock(&table->lock);
	/* One that another request has is not idle, and its lock on the file makes this fail with ERROR_CONFLICT. */
	if (!upload && table->blobs->operations->upload_open(table->blobs, id, &upload, err) < 0)
		return -1;
	*ret_upload = upload;
	return 0;
}

void upload_table_give(struct upload_table *table, struct blob_upload *upload)
{
	struct blob_upload *over = NULL;
	pthread_mutex_lock(&table->lock);
	table->idle[table->count++] = upload;
	if (table->count > table->limit)
		over = remove_at(table, 0);
	pthread_mutex_unlock(&table->lock);
	if (over)
		table->blobs->operations->upload_suspend(over);
}

void upload_table_suspend_idle(struct upload_table *table)
{
	pthread_mutex_lock(&table->lock);
	while (table->count > 0)
		table->blobs->operations->upload_suspend(remove_at(table, table->count - 1));
	pthread_mutex_unlock(&table->lock);
}
