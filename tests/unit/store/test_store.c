#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "store/address.h"
#include "store/build_cache.h"
#include "store/layer_folder.h"
#include "store/transaction.h"
#include "support.h"

static const char *const layers[] = {"base", "app", NULL};

static void folders_are_private(void **state)
{
	struct fixture *fixture = *state;
	static const char *const names[] = {".", "blobs", "layers", "containers", "volumes", "cache"};
	struct stat status;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(fstatat(fixture->store->root_fd, names[i], &status, 0), 0);
		assert_int_equal(status.st_mode & 07777, 0700);
	}
	assert_int_equal(fstatat(fixture->store->root_fd, "coracle.db", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(fstatat(fixture->store->run_root_fd, "containers", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
}

static void refuses_places_of_others(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	struct store *store = NULL;
	cleanup_free char *open_place = format_string("%s/open", fixture->folder);
	assert_int_equal(mkdir(open_place, 0700), 0);
	assert_int_equal(chmod(open_place, 0777), 0);
	assert_fails(store_open(open_place, fixture->run_root, &store, &err), &err, ERROR_DENIED);
	assert_non_null(strstr(err.message, "--root"));
	if (geteuid() != 0)
		return;
	cleanup_free char *strange = format_string("%s/strange", fixture->folder);
	assert_int_equal(mkdir(strange, 0700), 0);
	assert_int_equal(chown(strange, 1234, 1234), 0);
	assert_fails(store_open(strange, fixture->run_root, &store, &err), &err, ERROR_DENIED);
	/* Another user on root's store. */
	assert_int_equal(chmod(fixture->folder, 0755), 0);
	pid_t child = fork();
	if (child == 0) {
		if (setuid(1234) < 0)
			_exit(3);
		int result = store_open(fixture->root, fixture->run_root, &store, &err);
		_exit(result < 0 && err.kind == ERROR_DENIED && strstr(err.message, "run as root") ? 0 : 1);
	}
	int wait_status;
	assert_int_equal(waitpid(child, &wait_status, 0), child);
	assert_int_equal(wait_status, 0);
}

static void many_open_at_first(void **state)
{
	struct fixture *fixture = *state;
	for (int i = 0; i < 16; i++) {
		pid_t child = fork();
		if (child == 0) {
			cleanup_free char *root = format_string("%s/fresh", fixture->folder);
			struct store *store = NULL;
			struct error err = {0};
			if (store_open(root, fixture->run_root, &store, &err) < 0) {
				fprintf(stderr, "%s\n", err.message);
				_exit(1);
			}
			store_free(store);
			_exit(0);
		}
	}
	for (int i = 0, status; i < 16; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
}

static void locks(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	int first, second, third;
	assert_ok(store_lock_content(fixture->store, STORE_LOCK_SHARED, &first, &err), &err);
	assert_ok(store_lock_content(fixture->store, STORE_LOCK_SHARED, &second, &err), &err);
	assert_fails(store_lock_content(fixture->store, STORE_LOCK_TRY_EXCLUSIVE, &third, &err), &err, ERROR_CONFLICT);
	close(first);
	close(second);
	assert_ok(store_lock_content(fixture->store, STORE_LOCK_TRY_EXCLUSIVE, &third, &err), &err);
	close(third);
}

static void layers_are_whole_or_absent(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct digest diff_id;
	int fd;
	digest_of_bytes("tar", 3, &diff_id);
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT, second = LAYER_STAGING_INIT;
	assert_ok(layer_staging_begin(store->root_fd, &staging, &err), &err);
	assert_ok(layer_staging_begin(store->root_fd, &second, &err), &err);
	assert_int_equal(mkdirat(second.folder_fd, "lost", 0700), 0);
	assert_false(layer_folder_exists(store->root_fd, &diff_id));
	assert_fails(layer_folder_open(store->root_fd, &diff_id, &fd, &err), &err, ERROR_NOT_FOUND);
	struct digest bad = {"sha256:../../x"};
	assert_int_equal(layer_staging_commit(&staging, &bad, &err), -1);
	assert_ok(layer_staging_commit(&staging, &diff_id, &err), &err);
	/* The second of a race finds it there and drops its own. */
	assert_ok(layer_staging_commit(&second, &diff_id, &err), &err);
	assert_ok(layer_folder_open(store->root_fd, &diff_id, &fd, &err), &err);
	assert_int_equal(faccessat(fd, "lost", F_OK, 0), -1);
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0755);
	close(fd);
	assert_ok(layer_folder_remove(store->root_fd, &diff_id, &err), &err);
	assert_fails(layer_folder_remove(store->root_fd, &diff_id, &err), &err, ERROR_NOT_FOUND);
}

static void collects_what_nobody_names(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct error err = {0};
	struct image image;
	struct digest blob;
	assert_ok(make_image(store, layers, "1", "app", NULL, &image, &err), &err);
	cleanup_container_record struct container_record record = {0};
	make_record(store, "kept", &image, &record);
	assert_ok(container_add(store, &record, &err), &err);
	struct store_collected collected;
	assert_ok(store_collect(store, &collected, &err), &err);
	assert_int_equal(collected.blobs + collected.layers, 0);

	/* Garbage of each kind. */
	struct image_layer layer;
	assert_ok(make_layer(store, "garbage", &layer, &err), &err);
	descriptor_release(&layer.blob);
	assert_ok(blob_write(store->blobs, "garbage too", 11, &blob, &err), &err);
	char id[CONTAINER_ID_SIZE];
	int fd;
	assert_ok(container_new_id(store, id, &err), &err);
	assert_ok(container_open_run_folder(store, id, true, &fd, &err), &err);
	close(fd);
	cleanup_free char *folder = format_string("containers/%s/upper/deep", id);
	cleanup_close int deep = make_folders_in_root(store->root_fd, folder, 0700);
	assert_true(deep >= 0);
	cleanup_close int staged = make_folders_in_root(store->root_fd, "layers/staging/x/y", 0700);
	assert_true(staged >= 0);
	struct blob_upload *old = NULL, *young = NULL;
	assert_ok(store->blobs->operations->upload_open(store->blobs, NULL, &old, &err), &err);
	assert_ok(store->blobs->operations->upload_open(store->blobs, NULL, &young, &err), &err);
	cleanup_free char *old_path = format_string("%s/blobs/uploads/%s", fixture->root, old->id);
	cleanup_free char *young_path = format_string("%s/blobs/uploads/%s", fixture->root, young->id);
	store->blobs->operations->upload_suspend(old);
	store->blobs->operations->upload_suspend(young);
	struct timeval times[2] = {{time_now() / NANOSECONDS_PER_SECOND - 25 * 3600, 0},
				   {time_now() / NANOSECONDS_PER_SECOND - 25 * 3600, 0}};
	assert_int_equal(utimes(old_path, times), 0);

	assert_ok(store_collect(store, &collected, &err), &err);
	assert_int_equal(collected.blobs, 2);
	assert_int_equal(collected.layers, 1);
	assert_true(collected.bytes >= 18);
	assert_int_equal(access(old_path, F_OK), -1);
	assert_int_equal(access(young_path, F_OK), 0);
	assert_ok(store_collect_all(store, NULL, &err), &err);
	assert_int_equal(access(young_path, F_OK), -1);
	assert_fails(container_open_folder(store, id, false, &fd, &err), &err, ERROR_NOT_FOUND);
	assert_int_equal(faccessat(store->root_fd, "layers/staging/x", F_OK, 0), -1);
	assert_ok(container_open_folder(store, record.id, true, &fd, &err), &err);
	close(fd);
	cleanup_image_config struct image_config config = {0};
	assert_ok(image_read_config(store, &image, &config, &err), &err);
	assert_true(layer_folder_exists(store->root_fd, &config.diff_ids[0]));

	assert_ok(container_remove(store, record.id, &err), &err);
	cleanup_string_list struct string_list lines = {0};
	assert_ok(image_remove(store, "app", false, &lines, &err), &err);
	assert_ok(store_collect(store, &collected, &err), &err);
	assert_int_equal(collected.blobs, 4);
	assert_int_equal(collected.layers, 2);
}

static void the_build_cache_names_its_layers(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image_layer layer;
	struct digest key, empty_key;
	struct store_collected collected;
	struct build_cache_entry entry = {0}, found;
	digest_of_bytes("key", 3, &key);
	digest_of_bytes("empty", 5, &empty_key);
	assert_fails(build_cache_find(store, &key, &found, &err), &err, ERROR_NOT_FOUND);
	assert_ok(make_layer(store, "step", &layer, &err), &err);
	entry = (struct build_cache_entry){layer.diff_id, layer.blob.digest, layer.blob.size, layer.size};
	assert_ok(build_cache_put(store, &key, &entry, &err), &err);
	assert_ok(build_cache_put(store, &empty_key, &(struct build_cache_entry){0}, &err), &err);
	assert_ok(store_collect(store, &collected, &err), &err);
	assert_int_equal(collected.blobs + collected.layers, 0);
	assert_ok(build_cache_find(store, &key, &found, &err), &err);
	assert_string_equal(found.diff_id.text, layer.diff_id.text);
	assert_int_equal(found.blob_size, 4);
	assert_ok(build_cache_find(store, &empty_key, &found, &err), &err);
	assert_false(digest_is_set(&found.diff_id));
	assert_ok(layer_folder_remove(store->root_fd, &layer.diff_id, &err), &err);
	assert_fails(build_cache_find(store, &key, &found, &err), &err, ERROR_NOT_FOUND);
	assert_fails(build_cache_put(store, &key, &entry, &err), &err, ERROR_NOT_FOUND);
	cleanup_build_cache_list struct build_cache_list list = {0};
	cleanup_string_list struct string_list keys = {0};
	assert_ok(build_cache_list(store, &list, &err), &err);
	assert_int_equal(list.count, 2);
	for (size_t i = 0; i < list.count; i++)
		string_list_add(&keys, list.items[i].key.text);
	assert_false(list.items[0].is_in_image);
	assert_int_equal(list.items[0].uses, 1);
	assert_int_equal(list.items[0].used, list.items[0].added);
	assert_ok(build_cache_touch(store, &keys, &err), &err);
	build_cache_list_release(&list);
	assert_ok(build_cache_list(store, &list, &err), &err);
	assert_int_equal(list.items[0].uses, 2);
	assert_true(list.items[0].used > list.items[0].added);
	assert_ok(build_cache_remove(store, &keys, &err), &err);
	assert_ok(build_cache_remove(store, &keys, &err), &err);
	assert_ok(store_collect(store, &collected, &err), &err);
	assert_int_equal(collected.blobs, 1);
	descriptor_release(&layer.blob);
}

static int64_t count_rows(struct store *store, const char *sql)
{
	struct error err = {0};
	cleanup_statement sqlite3_stmt *statement = NULL;
	assert_ok(database_prepare(store->database, &statement, &err, sql, ""), &err);
	assert_int_equal(database_step(statement, &err), 1);
	return sqlite3_column_int64(statement, 0);
}

/* Puts images and containers, takes some away again, until it is killed. Tells of the first image by a byte. */
static void churn(const struct fixture *fixture, int round, int told)
{
	struct store *store = NULL;
	struct error err = {0};
	if (store_open(fixture->root, fixture->run_root, &store, &err) < 0)
		_exit(1);
	for (int i = 0;; i++) {
		cleanup_free char *layer = format_string("layer %d %d", round, i);
		cleanup_free char *tag = format_string("app:%d", i % 3);
		cleanup_free char *name = format_string("c%d_%d", round, i);
		const char *const texts[] = {"base", layer, NULL};
		struct image image;
		cleanup_string_list struct string_list lines = {0};
		cleanup_container_record struct container_record record = {.name = duplicate_string(name),
									   .image_name = duplicate_string(tag),
									   .config = json_object(),
									   .created = time_now()};
		if (make_image(store, texts, layer, tag, NULL, &image, &err) < 0)
			_exit(2);
		if (i == 0 && write(told, "", 1) != 1)
			_exit(6);
		record.image = image.id;
		if (container_new_id(store, record.id, &err) < 0 || container_add(store, &record, &err) < 0)
			_exit(3);
		if (i % 2 && container_remove(store, record.id, &err) < 0)
			_exit(4);
		if (i % 4 == 3 && (image_remove(store, image.id.text, true, &lines, &err) < 0 ||
				   store_collect(store, NULL, &err) < 0))
			_exit(5);
	}
}

static void assert_rows_have_their_files(struct store *store)
{
	struct error err = {0};
	cleanup_image_list struct image_list images = {0};
	assert_ok(image_list(store, NULL, &images, &err), &err);
	for (size_t i = 0; i < images.count; i++) {
		cleanup_image_config struct image_config config = {0};
		cleanup_manifest struct manifest manifest = {0};
		assert_ok(image_read_config(store, &images.items[i].image, &config, &err), &err);
		assert_ok(image_read_manifest(store, &images.items[i].image, &manifest, NULL, &err), &err);
		for (size_t k = 0; k < config.diff_id_count; k++) {
			int fd;
			assert_ok(layer_folder_open(store->root_fd, &config.diff_ids[k], &fd, &err), &err);
			assert_int_equal(faccessat(fd, "file", F_OK, 0), 0);
			close(fd);
			struct blob_info info;
			assert_ok(store->blobs->operations->stat(store->blobs, &manifest.layers[k].digest, &info, &err),
				  &err);
		}
	}
	cleanup_container_list struct container_list containers = {0};
	assert_ok(container_list(store, &containers, &err), &err);
	for (size_t i = 0; i < containers.count; i++) {
		int fd;
		assert_ok(container_open_folder(store, containers.items[i].id, true, &fd, &err), &err);
		close(fd);
		struct digest *diff_ids = NULL;
		size_t count = 0;
		assert_ok(container_layers(store, containers.items[i].id, &diff_ids, &count, &err), &err);
		assert_int_equal(count, 2);
		for (size_t k = 0; k < count; k++)
			assert_true(layer_folder_exists(store->root_fd, &diff_ids[k]));
		free(diff_ids);
	}
	assert_int_equal(count_rows(store, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check != 'ok'"),
			 0);
}

/* One process adds, another collects: nothing that was just added is taken for garbage. */
static void collects_beside_others(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *store = NULL;
		if (store_open(fixture->root, fixture->run_root, &store, &err) < 0)
			_exit(1);
		for (int i = 0; i < 60; i++) {
			cleanup_free char *text = format_string("layer %d", i);
			cleanup_free char *tag = format_string("app:%d", i);
			const char *const texts[] = {text, NULL};
			struct image image;
			struct container_record record = {.name = format_string("c%d", i), .created = time_now()};
			if (make_image(store, texts, text, tag, NULL, &image, &err) < 0)
				_exit(2);
			record.image = image.id;
			if (container_new_id(store, record.id, &err) < 0 || container_add(store, &record, &err) < 0)
				_exit(3);
			container_record_release(&record);
			usleep(3000);
		}
		store_free(store);
		_exit(0);
	}
	int status;
	int collections = 0;
	while (waitpid(child, &status, WNOHANG) == 0) {
		assert_ok(store_collect(fixture->store, NULL, &err), &err);
		collections++;
		usleep(5000); /* who wants the lock looks for it every 2 ms */
	}
	assert_int_equal(status, 0);
	assert_true(collections > 1);
	cleanup_container_list struct container_list containers = {0};
	assert_ok(container_list(fixture->store, &containers, &err), &err);
	assert_int_equal(containers.count, 60);
	for (size_t i = 0; i < containers.count; i++) {
		int fd;
		cleanup_image_config struct image_config config = {0};
		struct image image;
		assert_ok(container_open_folder(fixture->store, containers.items[i].id, true, &fd, &err), &err);
		close(fd);
		assert_ok(image_find(fixture->store, containers.items[i].image.text, &image, &err), &err);
		assert_ok(image_read_config(fixture->store, &image, &config, &err), &err);
		assert_true(layer_folder_exists(fixture->store->root_fd, &config.diff_ids[0]));
	}
}

static void remove_all(struct store *store)
{
	struct error err = {0};
	cleanup_container_list struct container_list containers = {0};
	assert_ok(container_list(store, &containers, &err), &err);
	for (size_t i = 0; i < containers.count; i++)
		assert_ok(container_remove(store, containers.items[i].id, &err), &err);
	cleanup_image_list struct image_list images = {0};
	assert_ok(image_list(store, NULL, &images, &err), &err);
	for (size_t i = 0; i < images.count; i++) {
		cleanup_string_list struct string_list lines = {0};
		assert_ok(image_remove(store, images.items[i].image.id.text, true, &lines, &err), &err);
	}
}

/*
 * Crash-only: SIGKILL at any instant, 200 times; each time all that a row names is there. Every fourth child is given
 * the time for an image, however long that takes on a busy machine.
 */
static void survives_kills(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	int64_t images = 0;
	for (int round = 0; round < 200; round++) {
		int told[2];
		assert_int_equal(pipe2(told, O_CLOEXEC), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			churn(fixture, round, told[1]);
		close(told[1]);
		char byte;
		bool has_image = round % 4 == 0 && read(told[0], &byte, 1) == 1;
		uint32_t pause;
		random_bytes(&pause, sizeof pause);
		usleep(1000 + pause % 40000);
		kill(child, SIGKILL);
		int status;
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSIGNALED(status))
			fail_msg("round %d: the child ended by itself, exit code %d", round, WEXITSTATUS(status));
		cleanup_store struct store *store = fixture_open(fixture);
		assert_rows_have_their_files(store);
		close(told[0]);
		int64_t count = count_rows(store, "SELECT count(*) FROM image");
		assert_true(!has_image || count > 0);
		images += count;
		if (round % 10 == 9) {
			remove_all(store);
			struct store_collected collected;
			assert_ok(store_collect(store, NULL, &err), &err);
			assert_ok(store_collect(store, &collected, &err), &err);
			assert_int_equal(collected.blobs + collected.layers + collected.bytes, 0);
		}
	}
	assert_true(images > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(folders_are_private, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(refuses_places_of_others, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(many_open_at_first, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(locks, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(layers_are_whole_or_absent, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(collects_what_nobody_names, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(the_build_cache_names_its_layers, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(collects_beside_others, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(survives_kills, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
