#include "registry/upload_table.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/memory.h"

struct upload_table {
	pthread_mutex_t lock;
	struct blob_store *blobs;
	struct blob_upload **idle; /* longest unused first */
	size_t count;
	size_t limit;
	struct upload_hold *holds; /* of requests that go on; none of them is lost */
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

static void unlink_hold(struct upload_table *table, const struct upload_hold *hold)
{
	struct upload_hold **at = &table->holds;
	while (*at && *at != hold)
		at = &(*at)->next;
	if (*at)
		*at = hold->next;
}

/* The other side has closed it, or it broke, and nothing of what came is left to be read. */
static bool connection_is_over(int connection)
{
	struct tcp_info info;
	socklen_t size = sizeof info;
	int unread = 0;
	if (connection < 0 || getsockopt(connection, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return false;
	return info.tcpi_state != TCP_ESTABLISHED && ioctl(connection, FIONREAD, &unread) == 0 && unread == 0;
}

/* With the lock held, so that the holder's connection cannot be closed meanwhile and its number mean another one. */
static bool may_be_taken_over(const struct upload_hold *hold)
{
	return !hold->is_entered &&
	       (time_monotonic() - hold->used > UPLOAD_SILENCE || connection_is_over(hold->connection));
}

/* ret_upload stays NULL where neither the idle ones nor the holds have it. */
static int take_known(struct upload_table *table, const char *id, struct blob_upload **ret_upload, struct error *err)
{
	for (size_t i = 0; i < table->count; i++)
		if (strcmp(table->idle[i]->id, id) == 0) {
			*ret_upload = remove_at(table, i);
			return 0;
		}
	struct upload_hold *hold = table->holds;
	while (hold && strcmp(hold->upload->id, id) != 0)
		hold = hold->next;
	if (!hold)
		return 0;
	if (!may_be_taken_over(hold))
		return error_set(err, ERROR_CONFLICT, "another request brings bytes for upload %s", id);
	unlink_hold(table, hold);
	*ret_upload = steal_pointer(&hold->upload);
	/* So that its thread lets it go. */
	if (hold->connection >= 0)
		shutdown(hold->connection, SHUT_RDWR);
	return 0;
}

int upload_table_take(struct upload_table *table, const char *id, int connection, struct upload_hold **ret_hold,
		      struct error *err)
{
	struct blob_upload *upload = NULL;
	pthread_mutex_lock(&table->lock);
	int result = id ? take_known(table, id, &upload, err) : 0;
	pthread_mutex_unlock(&table->lock);
	/* Where another process has it, its lock on the file makes this fail with ERROR_CONFLICT. */
	if (result < 0 || (!upload && table->blobs->operations->upload_open(table->blobs, id, &upload, err) < 0))
		return -1;
	struct upload_hold *hold = allocate(sizeof *hold);
	*hold = (struct upload_hold){.upload = upload, .connection = connection, .is_entered = true};
	pthread_mutex_lock(&table->lock);
	hold->next = table->holds;
	table->holds = hold;
	pthread_mutex_unlock(&table->lock);
	*ret_hold = hold;
	return 0;
}

bool upload_hold_enter(struct upload_table *table, struct upload_hold *hold)
{
	pthread_mutex_lock(&table->lock);
	hold->is_entered = hold->upload != NULL;
	bool is_entered = hold->is_entered;
	pthread_mutex_unlock(&table->lock);
	return is_entered;
}

void upload_hold_leave(struct upload_table *table, struct upload_hold *hold)
{
	pthread_mutex_lock(&table->lock);
	hold->is_entered = false;
	hold->used = time_monotonic();
	pthread_mutex_unlock(&table->lock);
}

struct blob_upload *upload_hold_steal(struct upload_table *table, struct upload_hold *hold)
{
	pthread_mutex_lock(&table->lock);
	unlink_hold(table, hold);
	pthread_mutex_unlock(&table->lock);
	struct blob_upload *upload = hold->upload;
	free(hold);
	return upload;
}

void upload_table_give(struct upload_table *table, struct upload_hold *hold)
{
	struct blob_upload *over = NULL;
	pthread_mutex_lock(&table->lock);
	unlink_hold(table, hold);
	if (hold->upload) {
		table->idle[table->count++] = hold->upload;
		if (table->count > table->limit)
			over = remove_at(table, 0);
	}
	pthread_mutex_unlock(&table->lock);
	free(hold);
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
