/*
 * Times are nanoseconds since 1970, digests their text, addresses and ports in host byte order. What a row names on
 * disk was put there before the row. The two views say what is named; store_collect() removes the rest.
 *
 * image_layer.chain is the chain id of the OCI image specification (config.md, "Layer ChainID"): it names a layer
 * together with all below it. container_layer keeps the layers of a container whose image was removed by force.
 */
#include "store/schema.h"

#include <stddef.h>

static const char version_1[] =
	"CREATE TABLE image ("
	" id TEXT PRIMARY KEY, manifest TEXT NOT NULL, created INTEGER NOT NULL, stored INTEGER NOT NULL,"
	" size INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX image_manifest ON image (manifest);"

	"CREATE TABLE image_layer ("
	" image TEXT NOT NULL REFERENCES image ON DELETE CASCADE, position INTEGER NOT NULL, diff_id TEXT NOT NULL,"
	" chain TEXT NOT NULL, blob TEXT NOT NULL, blob_media_type TEXT NOT NULL, blob_size INTEGER NOT NULL,"
	" size INTEGER NOT NULL, PRIMARY KEY (image, position)) WITHOUT ROWID;"
	"CREATE INDEX image_layer_diff_id ON image_layer (diff_id);"
	"CREATE INDEX image_layer_blob ON image_layer (blob);"
	"CREATE INDEX image_layer_chain ON image_layer (chain);"

	"CREATE TABLE tag ("
	" name TEXT NOT NULL, tag TEXT NOT NULL, image TEXT NOT NULL REFERENCES image ON DELETE CASCADE,"
	" PRIMARY KEY (name, tag)) WITHOUT ROWID;"
	"CREATE INDEX tag_image ON tag (image);"

	"CREATE TABLE repository_digest ("
	" name TEXT NOT NULL, digest TEXT NOT NULL, image TEXT NOT NULL REFERENCES image ON DELETE CASCADE,"
	" added INTEGER NOT NULL, PRIMARY KEY (name, digest)) WITHOUT ROWID;"
	"CREATE INDEX repository_digest_image ON repository_digest (image);"
	"CREATE INDEX repository_digest_digest ON repository_digest (digest);"

	"CREATE TABLE container ("
	" id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" image TEXT REFERENCES image ON DELETE SET NULL, image_name TEXT NOT NULL, config TEXT NOT NULL,"
	" created INTEGER NOT NULL, started INTEGER NOT NULL, finished INTEGER NOT NULL, exit_code INTEGER NOT NULL,"
	" remove_on_exit INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX container_image ON container (image);"

	"CREATE TABLE container_layer ("
	" container TEXT NOT NULL REFERENCES container ON DELETE CASCADE, position INTEGER NOT NULL,"
	" diff_id TEXT NOT NULL, PRIMARY KEY (container, position)) WITHOUT ROWID;"
	"CREATE INDEX container_layer_diff_id ON container_layer (diff_id);"

	"CREATE TABLE network ("
	" name TEXT PRIMARY KEY, bridge TEXT NOT NULL UNIQUE, subnet INTEGER NOT NULL,"
	" prefix_length INTEGER NOT NULL CHECK (prefix_length BETWEEN 8 AND 30), gateway INTEGER NOT NULL,"
	" last_address INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE TABLE address ("
	" network TEXT NOT NULL REFERENCES network ON DELETE CASCADE, address INTEGER NOT NULL, container TEXT NOT "
	"NULL,"
	" PRIMARY KEY (network, address), UNIQUE (container, network)) WITHOUT ROWID;"
	"CREATE TABLE port ("
	" protocol TEXT NOT NULL, port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535), address INTEGER NOT NULL,"
	" container TEXT NOT NULL, PRIMARY KEY (protocol, port, address)) WITHOUT ROWID;"
	"CREATE INDEX port_container ON port (container);"

	"CREATE TABLE volume ("
	" name TEXT PRIMARY KEY, anonymous_owner TEXT, created INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX volume_owner ON volume (anonymous_owner) WHERE anonymous_owner IS NOT NULL;"

	"CREATE TABLE build_cache ("
	" key TEXT PRIMARY KEY, diff_id TEXT NOT NULL, blob TEXT NOT NULL, blob_size INTEGER NOT NULL,"
	" size INTEGER NOT NULL, added INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX build_cache_diff_id ON build_cache (diff_id);"
	"CREATE INDEX build_cache_blob ON build_cache (blob);"

	"CREATE VIEW named_blob (digest) AS"
	" SELECT id FROM image UNION ALL SELECT manifest FROM image UNION ALL SELECT blob FROM image_layer"
	" UNION ALL SELECT digest FROM repository_digest UNION ALL SELECT blob FROM build_cache;"
	"CREATE VIEW named_layer (diff_id) AS"
	" SELECT diff_id FROM image_layer UNION ALL SELECT diff_id FROM container_layer"
	" UNION ALL SELECT diff_id FROM build_cache;";

/* An anonymous volume that no container owns (`volume create` without a name) has '' for its owner. */
static const char version_2[] = "ALTER TABLE volume ADD COLUMN labels TEXT NOT NULL DEFAULT '[]';";

static const char version_3[] = "ALTER TABLE build_cache ADD COLUMN used INTEGER NOT NULL DEFAULT 0;"
				"ALTER TABLE build_cache ADD COLUMN uses INTEGER NOT NULL DEFAULT 1;"
				"UPDATE build_cache SET used = added;";

/* Of containers that are started again (container.h). */
static const char version_4[] = "ALTER TABLE container ADD COLUMN restarts INTEGER NOT NULL DEFAULT 0;"
				"ALTER TABLE container ADD COLUMN restart_delay INTEGER NOT NULL DEFAULT 0;"
				"ALTER TABLE container ADD COLUMN restart_at INTEGER NOT NULL DEFAULT 0;"
				"ALTER TABLE container ADD COLUMN is_stopped INTEGER NOT NULL DEFAULT 0;"
				"ALTER TABLE container ADD COLUMN problem TEXT NOT NULL DEFAULT '';";

/* Networks that users make (network.h); what an endpoint has besides its address (address.h). */
static const char version_5[] = "ALTER TABLE network ADD COLUMN id TEXT NOT NULL DEFAULT '';"
				"ALTER TABLE network ADD COLUMN created INTEGER NOT NULL DEFAULT 0;"
				"ALTER TABLE network ADD COLUMN details TEXT NOT NULL DEFAULT '{}';"
				"UPDATE network SET id = lower(hex(randomblob(32)));"
				"CREATE UNIQUE INDEX network_id ON network (id);"
				"ALTER TABLE address ADD COLUMN position INTEGER NOT NULL DEFAULT 0;"
				"ALTER TABLE address ADD COLUMN address6 TEXT;"
				"ALTER TABLE address ADD COLUMN hardware TEXT NOT NULL DEFAULT '';"
				"ALTER TABLE address ADD COLUMN names TEXT NOT NULL DEFAULT '[]';"
				"CREATE UNIQUE INDEX address_ipv6 ON address (network, address6)"
				" WHERE address6 IS NOT NULL;";

const char *const store_migrations[] = {version_1, version_2, version_3, version_4, version_5, NULL};
