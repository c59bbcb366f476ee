/* Whole builds with a host whose RUN is played. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <pthread.h>
#include <unistd.h>

#include "store/layer_folder.h"
#include "support.h"

static int set_up(void **state)
{
	struct fixture *fixture = allocate(sizeof *fixture);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

static void expect_history(const struct image_config *config, size_t index, const char *text, bool empty)
{
	assert_true(index < config->history_count);
	assert_string_equal(config->history[index].created_by, text);
	assert_int_equal(config->history[index].empty_layer, empty);
}

static void test_config_and_history(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, "app.py", "print(1)\n");
	string_list_add(&fixture->options.build_arguments, "ASSIGN=a3");
	string_list_add(&fixture->options.build_arguments, "LOST=1");
	string_list_add(&fixture->options.labels, "from=option");
	struct image image = fixture_must_build_as(fixture, "s2-standalone:v0.75",
						   "FROM scratch\n"
						   "ARG ASSIGN\n"
						   "ENV PORT=30001 NAME=\"a b\"\n"
						   "WORKDIR /code\n"
						   "WORKDIR sub\n"
						   "COPY app.py ${PORT}.py\n"
						   "RUN make $ASSIGN\n"
						   "EXPOSE $PORT 53/udp\n"
						   "VOLUME /data\n"
						   "LABEL z=1 a=2\n"
						   "USER nobody\n"
						   "STOPSIGNAL SIGINT\n"
						   "HEALTHCHECK --interval=5s CMD curl x\n"
						   "ENTRYPOINT [\"python\"]\n"
						   "CMD app.py 30001\n");
	cleanup_image_config struct image_config config = fixture_config(fixture, &image);
	expect_history(&config, 0, "ARG ASSIGN=a3", true);
	expect_history(&config, 1, "ENV PORT=30001 NAME=a b", true);
	expect_history(&config, 2, "WORKDIR /code", false);
	expect_history(&config, 3, "WORKDIR /code/sub", false);
	expect_history(&config, 4, "COPY app.py 30001.py # buildkit", false);
	expect_history(&config, 5, "RUN |1 ASSIGN=a3 /bin/sh -c make $ASSIGN # buildkit", false);
	expect_history(&config, 6, "EXPOSE [30001/tcp 53/udp]", true);
	expect_history(&config, 7, "VOLUME [/data]", true);
	expect_history(&config, 8, "LABEL z=1 a=2", true);
	expect_history(&config, 9, "USER nobody", true);
	expect_history(&config, 10, "STOPSIGNAL SIGINT", true);
	expect_history(&config, 11,
		       "HEALTHCHECK {Test:[CMD-SHELL curl x] Interval:5s Timeout:0s StartPeriod:0s StartInterval:0s "
		       "Retries:0}",
		       true);
	expect_history(&config, 12, "ENTRYPOINT [\"python\"]", true);
	expect_history(&config, 13, "CMD [\"/bin/sh\" \"-c\" \"app.py 30001\"]", true);
	assert_int_equal(config.history_count, 14);
	assert_int_equal(config.diff_id_count, 4);
	assert_string_equal(config.working_directory, "/code/sub");
	assert_string_equal(string_list_get_key(&config.environment, "NAME"), "a b");
	assert_non_null(string_list_get_key(&config.environment, "PATH"));
	assert_string_equal(config.labels.items[0], "a=2");
	assert_string_equal(string_list_get_key(&config.labels, "from"), "option");
	assert_string_equal(fixture->last_build_arguments.items[0], "ASSIGN=a3");
	cleanup_free char *text = fixture_read(fixture, &image, "code/sub/30001.py");
	assert_string_equal(text, "print(1)\n");
	assert_non_null(strstr(fixture->output, "#5 [3/4] COPY app.py 30001.py\n#5 DONE"));
	assert_non_null(strstr(fixture->output, "naming to docker.io/library/s2-standalone:v0.75 done\n"));
	assert_non_null(strstr(fixture->output, "[Warning] One or more build-args [LOST] were not consumed\n"));
	struct image found;
	assert_int_equal(image_find(fixture->store, "s2-standalone:v0.75", &found, NULL), 0);
	assert_true(digest_equal(&found.id, &image.id));
}

static void test_unchanged_rebuild(void **state)
{
	struct fixture *fixture = *state;
	static const char text[] = "FROM scratch\nWORKDIR /\nCOPY a /a\nRUN x\nWORKDIR /\nCMD [\"x\"]\n";
	fixture_write(fixture, "a", "1");
	struct image first = fixture_must_build(fixture, text);
	assert_int_equal(fixture->runs, 1);
	/* Other times, the same contents. */
	fixture_write(fixture, "a", "1");
	struct image second = fixture_must_build(fixture, text);
	assert_int_equal(fixture->runs, 1);
	assert_true(digest_equal(&first.id, &second.id));
	assert_true(digest_equal(&first.manifest, &second.manifest));
	assert_non_null(strstr(fixture->output, "COPY a /a\n#4 CACHED\n"));
	fixture_write(fixture, "a", "2");
	struct image third = fixture_must_build(fixture, text);
	assert_int_equal(fixture->runs, 2);
	assert_false(digest_equal(&first.id, &third.id));
	fixture->options.no_cache = true;
	fixture_must_build(fixture, text);
	assert_int_equal(fixture->runs, 3);
}

/* Every change on the left is seen by the RUN on the right. */
static void test_key_sensitivity(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *before, *after;
		bool runs_again;
	} cases[] = {
		{"", "", false},
		{"ENV A=1", "ENV A=2", true},
		{"USER a", "USER b", true},
		{"WORKDIR /a", "WORKDIR /b", true},
		{"SHELL [\"/bin/a\"]", "SHELL [\"/bin/b\"]", true},
		{"HEALTHCHECK CMD a", "HEALTHCHECK CMD b", true},
		{"HEALTHCHECK CMD a", "HEALTHCHECK --retries=2 CMD a", true},
		{"HEALTHCHECK NONE", "", true},
		{"ONBUILD RUN a", "ONBUILD RUN b", true},
		{"ARG A=1", "ARG A=2", true},
		{"ARG A=1", "ARG B=1", true},
		{"# one", "# two", false},
		{"COPY a /a", "COPY b /a", true},
		{"COPY a /a", "COPY --chown=1 a /a", true},
		{"COPY a /a", "COPY --chmod=600 a /a", true},
		{"COPY a /a", "COPY a /b", true},
		{"COPY link /l/", "COPY a /l/", true},
		{"COPY <<E /e\n1\nE", "COPY <<E /e\n2\nE", true},
	};
	fixture_write(fixture, "a", "a");
	fixture_write(fixture, "b", "b");
	fixture_link(fixture, "link", "b");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *before = format_string("FROM scratch\n%s\nRUN case %zu\n", cases[i].before, i);
		cleanup_free char *after = format_string("FROM scratch\n%s\nRUN case %zu\n", cases[i].after, i);
		fixture_must_build(fixture, before);
		int runs = fixture->runs;
		fixture_must_build(fixture, after);
		if (fixture->runs - runs != cases[i].runs_again)
			fail_msg("%s → %s: %d runs", cases[i].before, cases[i].after, fixture->runs - runs);
	}
	fixture_must_build(fixture, "FROM scratch\nRUN one\n");
	int runs = fixture->runs;
	fixture_must_build(fixture, "FROM scratch\nRUN two\n");
	assert_int_equal(fixture->runs, runs + 1);
}

/* The result of a pulled image's history is no cache entry: only what was built here under a key counts. */
static void test_base_image_is_part_of_the_key(void **state)
{
	struct fixture *fixture = *state;
	fixture_must_build_as(fixture, "base", "FROM scratch\nCOPY <<E /x\n1\nE\n");
	fixture_must_build(fixture, "FROM base\nRUN y\n");
	assert_int_equal(fixture->runs, 1);
	fixture_must_build_as(fixture, "base", "FROM scratch\nCOPY <<E /x\n2\nE\n");
	fixture_must_build(fixture, "FROM base\nRUN y\n");
	assert_int_equal(fixture->runs, 2);
	assert_non_null(strstr(fixture->output, "[1/2] FROM docker.io/library/base:latest\n"));
}

static void test_stages(void **state)
{
	struct fixture *fixture = *state;
	static const char text[] = "FROM scratch AS build\nRUN compile\nFROM scratch AS unused\nRUN false\n"
				   "FROM build AS more\nRUN more\nFROM scratch\nCOPY --from=build /ran /bin/\n"
				   "COPY --from=more / /all\n";
	struct image image = fixture_must_build(fixture, text);
	assert_int_equal(fixture->runs, 2);
	cleanup_free char *one = fixture_read(fixture, &image, "bin/ran");
	cleanup_free char *two = fixture_read(fixture, &image, "all/ran");
	assert_string_equal(one, "/bin/sh -c compile");
	assert_string_equal(two, "/bin/sh -c more");
	assert_non_null(strstr(fixture->output, " [stage-3 2/2] COPY --from=more / /all\n"));
	struct image again = fixture_must_build(fixture, text);
	assert_true(digest_equal(&again.id, &image.id));
	/* Another compile that gives the same file: the copy is still found, by its contents. */
	fixture_must_build(fixture, "FROM scratch AS b\nCOPY <<x /x\n1\nx\nFROM scratch\nCOPY --from=b /x /y\nRUN z\n");
	int runs = fixture->runs;
	fixture_must_build(fixture, "FROM scratch AS b\nCOPY <<x /x\n1\nx\nCOPY <<o /other\n2\no\n"
				    "FROM scratch\nCOPY --from=b /x /y\nRUN z\n");
	assert_int_equal(fixture->runs, runs);
	fixture->options.target = "build";
	image = fixture_must_build(fixture, text);
	cleanup_image_config struct image_config config = fixture_config(fixture, &image);
	assert_int_equal(config.diff_id_count, 1);
}

static void test_inheritance(void **state)
{
	struct fixture *fixture = *state;
	fixture_must_build_as(fixture, "base",
			      "FROM scratch\nENV A=1 B=2\nENTRYPOINT [\"e\"]\nCMD [\"c\"]\nONBUILD RUN trigger\n"
			      "ONBUILD ENV T=1\n");
	struct image image = fixture_must_build(fixture, "FROM base\nENV B=$A$B\nENTRYPOINT [\"f\"]\n");
	cleanup_image_config struct image_config config = fixture_config(fixture, &image);
	assert_false(config.has_command);
	assert_string_equal(config.entrypoint.items[0], "f");
	assert_string_equal(string_list_get_key(&config.environment, "B"), "12");
	assert_string_equal(string_list_get_key(&config.environment, "T"), "1");
	assert_int_equal(config.on_build.count, 0);
	assert_int_equal(fixture->runs, 1);
	struct image kept = fixture_must_build(fixture, "FROM base\nCMD [\"d\"]\nENTRYPOINT [\"f\"]\n");
	cleanup_image_config struct image_config other = fixture_config(fixture, &kept);
	assert_true(other.has_command);
	assert_string_equal(other.command.items[0], "d");
}

static void test_run_forms(void **state)
{
	struct fixture *fixture = *state;
	string_list_add(&fixture->options.build_arguments, "http_proxy=p");
	fixture_must_build(fixture, "FROM scratch\nARG A=arg\nARG E=hidden\nENV E=env\nRUN [\"x\", \"y z\"]\n");
	assert_int_equal(fixture->last_arguments.count, 2);
	assert_string_equal(fixture->last_arguments.items[1], "y z");
	cleanup_free char *joined = string_list_join(&fixture->last_build_arguments, " ");
	assert_string_equal(joined, "A=arg http_proxy=p");
	/* A stage that is based on another one has its arguments. */
	struct image child = fixture_must_build(fixture, "FROM scratch AS s\nARG A=arg\nFROM s\nENV E=$A\n");
	cleanup_image_config struct image_config config = fixture_config(fixture, &child);
	assert_string_equal(string_list_get_key(&config.environment, "E"), "arg");
	fixture_must_build(fixture, "FROM scratch\nSHELL [\"/bin/bash\", \"-ec\"]\nRUN <<E\none\ntwo\nE\n");
	assert_string_equal(fixture->last_arguments.items[0], "/bin/bash");
	assert_string_equal(fixture->last_arguments.items[2], "one\ntwo\n");
	fixture_must_build(fixture, "FROM scratch\nRUN cat <<E > /x\none\nE\n");
	assert_string_equal(fixture->last_arguments.items[2], "cat <<E > /x\none\nE");
	struct image image = fixture_must_build(fixture, "FROM scratch\nRUN <<E\n#!/bin/x\none\nE\n");
	assert_int_equal(fixture->last_arguments.count, 1);
	assert_memory_equal(fixture->last_arguments.items[0], "/.coracle-heredoc-", 18);
	cleanup_free char *script = fixture_read(fixture, &image, fixture->last_arguments.items[0]);
	assert_string_equal(script, "(absent)");
}

static void test_failures(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *dockerfile, *message, *output;
	} cases[] = {
		{"FROM scratch\nRUN false\n",
		 "failed to solve: process \"/bin/sh -c false\" did not complete successfully: exit code: 1",
		 "------\n > [1/1] RUN false:\n------\nDockerfile:2\n--------------------\n   1 |     FROM scratch\n"
		 "   2 | >>> RUN false\n   3 |     \n--------------------\n"},
		{"FROM scratch\nFORM x\n",
		 "failed to solve: dockerfile parse error on line 2: unknown instruction: FORM (did you mean FROM?)",
		 "   2 | >>> FORM x\n"},
		{"FROM scratch\nCOPY nofile /\n",
		 "failed to solve: failed to compute cache key: \"/nofile\": not found", "   2 | >>> COPY nofile /\n"},
		{"FROM scratch\nCOPY hidden /\n",
		 "failed to solve: failed to compute cache key: \"/hidden\": not found: it is excluded by "
		 ".dockerignore",
		 ">>> COPY hidden"},
		{"FROM scratch\nCOPY a b /x\n",
		 "failed to solve: When using COPY with more than one source file, the destination must be a directory "
		 "and end with a /",
		 ""},
		{"FROM scratch\nCOPY --chmod=99 a /x\n",
		 "failed to solve: invalid chmod parameter: '99'. it should be octal string and between 0 and 07777",
		 ""},
		{"FROM scratch\nCOPY ../../etc/passwd /x\n",
		 "failed to solve: failed to compute cache key: \"/etc/passwd\": not found", ""},
		{"FROM scratch\nCOPY out /x\n", "failed to solve: failed to compute cache key: \"/out\": not found",
		 ""},
		{"FROM scratch\nENV A=\"${B:?need B}\"\n",
		 "failed to solve: failed to process \"\\\"${B:?need B}\\\"\": B: need B", "   2 | >>> ENV"},
		{"FROM scratch\nCOPY --from=5 a b\n", "failed to solve: invalid stage index 5", ""},
		{"FROM $X\n", "failed to solve: base name ($X) should not be blank", "   1 | >>> FROM $X\n"},
		{"FROM scratch\nEXPOSE x\n", "failed to solve: invalid containerPort: x", ""},
	};
	fixture_write(fixture, "a", "a");
	fixture_write(fixture, "b", "b");
	fixture_write(fixture, "hidden", "b");
	fixture_link(fixture, "out", "/etc/passwd");
	fixture_write(fixture, ".dockerignore", "hidden\n");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct image image;
		assert_int_equal(fixture_build(fixture, cases[i].dockerfile, &image), -1);
		assert_string_equal(fixture->err.message, cases[i].message);
		if (!strstr(fixture->output, cases[i].output))
			fail_msg("%s", fixture->output);
	}
	struct image image;
	assert_int_equal(fixture_build(fixture, "FROM scratch\nRUN say hello && false\n", &image), -1);
	assert_non_null(strstr(fixture->output, " hello && false\n#3 0."));
	assert_non_null(strstr(fixture->output, " partial\n"));
	assert_int_equal(fixture_build(fixture, "FROM scratch\nADD https://x/y /z\n", &image), -1);
	assert_string_equal(fixture->err.message,
			    "failed to solve: failed to load cache key: invalid response status 404");
	fixture->options.target = "none";
	assert_int_equal(fixture_build(fixture, "FROM scratch\n", &image), -1);
	assert_string_equal(fixture->err.message, "failed to solve: target stage \"none\" could not be found");
}

/* A layer's blob unpacks to the layer's digest, and what was removed stays so. */
static void test_run_changes(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, "tree/gone", "1");
	fixture_write(fixture, "tree/kept", "2");
	fixture_write(fixture, "tree/dir/old", "3");
	static const char text[] =
		"FROM scratch\nCOPY tree /\nRUN edit\nRUN nothing\nRUN nothing else\nCOPY tree/kept /\n";
	struct image image = fixture_must_build(fixture, text);
	static const struct {
		const char *path, *content;
	} cases[] = {{"gone", "(absent)"}, {"kept", "2"}, {"dir/old", "(absent)"}, {"dir/new", "new"}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *content = fixture_read(fixture, &image, cases[i].path);
		assert_string_equal(content, cases[i].content);
	}
	struct image_layer *layers = NULL;
	size_t count = 0;
	assert_int_equal(image_layers(fixture->store, &image.id, &layers, &count, NULL), 0);
	assert_int_equal(count, 5);
	/* Two steps without a change: one layer, twice. */
	assert_true(digest_equal(&layers[2].diff_id, &layers[3].diff_id));
	struct blob_store *blobs = fixture->store->blobs;
	for (size_t i = 0; i < count; i++) {
		cleanup_close int fd = -1;
		cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
		struct digest diff_id;
		struct layer_totals totals;
		assert_int_equal(blobs->operations->open(blobs, &layers[i].blob.digest, &fd, NULL), 0);
		struct source source = source_from_fd(&fd);
		assert_int_equal(
			layer_unpack(fixture->store->root_fd, &source, NULL, &staging, &diff_id, &totals, NULL), 0);
		assert_true(digest_equal(&diff_id, &layers[i].diff_id));
		assert_int_equal(totals.bytes, layers[i].size);
	}
	image_layers_free(layers, count);
}

static void test_epoch(void **state)
{
	struct fixture *fixture = *state;
	static const char text[] = "FROM scratch\nCOPY a /d/\nRUN x\n";
	string_list_add(&fixture->options.build_arguments, "SOURCE_DATE_EPOCH=1000000000");
	fixture->options.no_cache = true;
	fixture_write(fixture, "a", "a");
	struct image first = fixture_must_build(fixture, text);
	fixture_write(fixture, "a", "a");
	usleep(20000);
	struct image second = fixture_must_build(fixture, text);
	assert_true(digest_equal(&first.id, &second.id));
	cleanup_image_config struct image_config config = fixture_config(fixture, &first);
	assert_string_equal(config.created, "2001-09-09T01:46:40.000000000Z");
}

static unsigned forks;

static void count_fork(void)
{
	forks++;
}

/* One row of steps, and what the cache has, is one process. */
static void test_forks_only_for_work(void **state)
{
	struct fixture *fixture = *state;
	static const char row[] = "FROM scratch AS one\nRUN a\nRUN b\nFROM scratch\nCOPY --from=one /ran /\n";
	static const char many[] = "FROM scratch AS one\nRUN c\nFROM scratch AS two\nRUN d\nFROM scratch\n"
				   "COPY --from=one /ran /1\nCOPY --from=two /ran /2\n";
	assert_int_equal(pthread_atfork(NULL, count_fork, NULL), 0);
	forks = 0;
	fixture_must_build(fixture, row);
	assert_int_equal(forks, 0);
	struct image first = fixture_must_build(fixture, many);
	forks = 0;
	struct image again = fixture_must_build(fixture, many);
	assert_int_equal(forks, 0);
	assert_true(digest_equal(&first.id, &again.id));
}

int main(void)
{
	if (geteuid() != 0)
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_config_and_history, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_unchanged_rebuild, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_key_sensitivity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_base_image_is_part_of_the_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_stages, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_forks_only_for_work, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_inheritance, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_run_forms, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_failures, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_run_changes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_epoch, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
