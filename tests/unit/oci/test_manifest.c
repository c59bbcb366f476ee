#include "cmocka_headers.h"

#include <string.h>

#include "base/buffer.h"
#include "oci/manifest.h"
#include "oci/media_type.h"

#define DIGEST_A   "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST_B   "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define CONFIG	   "\"config\":{\"mediaType\":\"" MEDIA_TYPE_OCI_CONFIG "\",\"digest\":\"" DIGEST_A "\",\"size\":7}"
#define LAYER	   "{\"mediaType\":\"" MEDIA_TYPE_OCI_LAYER_GZIP "\",\"digest\":\"" DIGEST_B "\",\"size\":9}"
#define TYPE(type) "\"mediaType\":\"" type "\""
#define MANIFEST   "{\"schemaVersion\":2," TYPE(MEDIA_TYPE_OCI_MANIFEST) "," CONFIG ",\"layers\":[" LAYER "]}"
#define ENTRY(digest, platform)                                                                                        \
	"{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\",\"digest\":\"" digest "\",\"size\":3,\"platform\":" platform "}"
#define PLATFORM(os, architecture) "{\"os\":\"" os "\",\"architecture\":\"" architecture "\"}"

static int parse(const char *text, const char *served_as, struct manifest *manifest, struct error *err)
{
	return manifest_parse(text, strlen(text), served_as, manifest, err);
}

static void manifest_round_trip(void **state)
{
	(void)state;
	cleanup_manifest struct manifest manifest = {0};
	struct error err = {0};
	if (parse(MANIFEST, MEDIA_TYPE_OCI_MANIFEST "; charset=utf-8", &manifest, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(manifest.layer_count, 1);
	assert_int_equal(manifest.config.size, 7);
	assert_string_equal(manifest.layers[0].digest.text, DIGEST_B);
	cleanup_free char *text = manifest_serialize(&manifest);
	assert_string_equal(text, MANIFEST);
	struct descriptor copy = {0};
	descriptor_copy(&copy, &manifest.layers[0]);
	descriptor_copy(&copy, &manifest.config);
	assert_string_equal(copy.media_type, MEDIA_TYPE_OCI_CONFIG);
	descriptor_release(&copy);
}

static void types_that_are_taken(void **state)
{
	(void)state;
	static const char *const rows[][3] = {
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", NULL, MEDIA_TYPE_OCI_MANIFEST},
		{"{\"schemaVersion\":2," CONFIG "}", MEDIA_TYPE_OCI_MANIFEST, MEDIA_TYPE_OCI_MANIFEST},
		{"{\"schemaVersion\":2," CONFIG "}", MEDIA_TYPE_DOCKER_MANIFEST, MEDIA_TYPE_DOCKER_MANIFEST},
		{"{\"schemaVersion\":2," TYPE(MEDIA_TYPE_DOCKER_MANIFEST) "," CONFIG "}", NULL,
		 MEDIA_TYPE_DOCKER_MANIFEST},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_manifest struct manifest manifest = {0};
		struct error err = {0};
		if (parse(rows[i][0], rows[i][1], &manifest, &err) < 0)
			fail_msg("%s", err.message);
		assert_string_equal(manifest.media_type, rows[i][2]);
	}
}

/* CVE-2021-41190, and documents that are damaged otherwise. */
static void confusing_documents_are_refused(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"manifests\":[]}", NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"manifests\":[]}", NULL},
		{"{\"schemaVersion\":2,\"layers\":[],\"manifests\":[]}", NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[],\"Manifests\":[]}", NULL},
		{"{\"schemaVersion\":2," TYPE(MEDIA_TYPE_OCI_INDEX) "," CONFIG ",\"layers\":[]}", NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[]}", MEDIA_TYPE_OCI_INDEX},
		{MANIFEST, MEDIA_TYPE_DOCKER_MANIFEST},
		{MANIFEST, MEDIA_TYPE_OCI_INDEX},
		{MANIFEST, "application/json"},
		{MANIFEST, ""},
		{"{\"schemaVersion\":2,\"mediaType\":\"text/html\"," CONFIG "}", NULL},
		{"{\"schemaVersion\":2,\"mediaType\":7," CONFIG "}", NULL},
		{"{\"schemaVersion\":2," CONFIG "," CONFIG "}", NULL},
		{"{\"schemaVersion\":1,\"fsLayers\":[]}", "application/vnd.docker.distribution.manifest.v1+prettyjws"},
		{"{\"schemaVersion\":3," CONFIG "}", NULL},
		{"{" CONFIG "}", NULL},
		{"{\"schemaVersion\":2}", NULL},
		{"{\"schemaVersion\":2,\"manifests\":[]}", NULL},
		{"{\"schemaVersion\":2,\"config\":[]}", NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":{}}", NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[7]}", NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"" DIGEST_A
		 "\",\"size\":-1}]}",
		 NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"" DIGEST_A
		 "\",\"size\":1.5}]}",
		 NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:../../x\","
		 "\"size\":1}]}",
		 NULL},
		{"{\"schemaVersion\":2," CONFIG ",\"layers\":[{\"mediaType\":\"a\\r\\nb/c\",\"digest\":\"" DIGEST_A
		 "\",\"size\":1}]}",
		 NULL},
		{"[]", NULL},
		{"", NULL},
		{MANIFEST "x", NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct manifest manifest = {0};
		struct error err = {0};
		if (parse(rows[i][0], rows[i][1], &manifest, &err) == 0)
			fail_msg("row %zu passed: %s", i, rows[i][0]);
		assert_null(manifest.media_type);
		assert_true(err.kind == ERROR_INVALID || err.kind == ERROR_UNSUPPORTED);
	}
}

/* CVE-2023-25153, CVE-2023-2253. */
static void large_documents_are_refused(void **state)
{
	(void)state;
	struct manifest manifest = {0};
	struct index index = {0};
	struct error err = {0};
	size_t size = MANIFEST_SIZE_LIMIT + 1;
	cleanup_free char *text = allocate(size + 1);
	memset(text, ' ', size);
	memcpy(text, MANIFEST, strlen(MANIFEST));
	assert_int_equal(manifest_parse(text, size, NULL, &manifest, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	assert_int_equal(index_parse(text, size, NULL, &index, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	cleanup_buffer struct buffer many = BUFFER_INIT(MANIFEST_SIZE_LIMIT);
	buffer_append_string(&many, "{\"schemaVersion\":2," CONFIG ",\"layers\":[" LAYER, &err);
	for (int i = 0; i < MANIFEST_LAYER_LIMIT; i++)
		buffer_append_string(&many, "," LAYER, &err);
	buffer_append_string(&many, "]}", &err);
	assert_int_equal(manifest_parse(many.bytes, many.size, NULL, &manifest, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	memset(text, '[', size);
	assert_int_equal(manifest_parse(text, 100000, NULL, &manifest, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
}

static void select_from_index(void **state)
{
	(void)state;
	const char *text = "{\"schemaVersion\":2," TYPE(
		MEDIA_TYPE_OCI_INDEX) ",\"manifests\":["
				      "{\"mediaType\":\"" MEDIA_TYPE_OCI_MANIFEST "\",\"digest\":\"" DIGEST_A
				      "\",\"size\":3,"
				      "\"platform\":" PLATFORM(
					      "unknown",
					      "unknown") ",\"annotations\":"
							 "{\"vnd.docker.reference.type\":\"attestation-manifest\"}}"
							 "," ENTRY(DIGEST_A, PLATFORM("linux", "arm64")) "," ENTRY(
								 DIGEST_B,
								 PLATFORM("linux",
									  "amd64")) ","
										    "{\"mediaType\":"
										    "\"" MEDIA_TYPE_OCI_MANIFEST
										    "\",\"digest\":\"" DIGEST_A
										    "\",\"size\":5,"
										    "\"platform\":{\"os\":\"linux\","
										    "\"architecture\":\"arm\","
										    "\"variant\":\"v6\"}},"
										    "{\"mediaType\":"
										    "\"" MEDIA_TYPE_OCI_MANIFEST
										    "\",\"digest\":\"" DIGEST_B
										    "\",\"size\":6,"
										    "\"platform\":{\"os\":\"linux\","
										    "\"architecture\":\"arm\","
										    "\"variant\":\"v7\"}}]}";
	cleanup_index struct index index = {0};
	struct error err = {0};
	if (index_parse(text, strlen(text), MEDIA_TYPE_OCI_INDEX, &index, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(index.entry_count, 5);
	assert_true(index.entries[0].is_attestation);
	static const struct {
		const char *platform;
		size_t entry;
	} rows[] = {{"linux/amd64", 2},
		    {"linux/arm64", 1},
		    {"linux/arm64/v8", 1},
		    {"linux/arm/v7", 4},
		    {"linux/arm/v6", 3}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct platform platform;
		const struct index_entry *entry = NULL;
		platform_parse(rows[i].platform, &platform, NULL);
		assert_int_equal(index_select(&index, &platform, &entry, &err), 0);
		assert_ptr_equal(entry, &index.entries[rows[i].entry]);
	}
	struct platform platform;
	const struct index_entry *entry = NULL;
	platform_parse("linux/s390x", &platform, NULL);
	assert_int_equal(index_select(&index, &platform, &entry, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_string_equal(err.message, "no matching manifest for linux/s390x in the manifest list entries (there is: "
					 "linux/arm64, linux/amd64, linux/arm/v6, linux/arm/v7)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifest_round_trip),
		cmocka_unit_test(types_that_are_taken),
		cmocka_unit_test(confusing_documents_are_refused),
		cmocka_unit_test(large_documents_are_refused),
		cmocka_unit_test(select_from_index),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
