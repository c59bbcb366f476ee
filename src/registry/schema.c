#include "registry/schema.h"

#include <stddef.h>

/*
 * manifest_reference is what a garbage collector goes by: which blobs and manifests each manifest needs. Times are
 * nanoseconds since 1970, 0 where there is none. A token is here as its SHA-256 only.
 */
const char *const registry_migrations[] = {
	"CREATE TABLE repository ("
	"  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, created INTEGER NOT NULL) STRICT;"
	"CREATE TABLE repository_blob ("
	"  repository INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,"
	"  digest TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (repository, digest)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX repository_blob_digest ON repository_blob (digest);"
	"CREATE TABLE manifest ("
	"  repository INTEGER NOT NULL REFERENCES repository (id) ON DELETE CASCADE,"
	"  digest TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL, created INTEGER NOT NULL,"
	"  subject TEXT, artifact_type TEXT, referrer TEXT,"
	"  PRIMARY KEY (repository, digest)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX manifest_subject ON manifest (repository, subject) WHERE subject IS NOT NULL;"
	"CREATE INDEX manifest_digest ON manifest (digest);"
	"CREATE TABLE manifest_reference ("
	"  repository INTEGER NOT NULL, manifest TEXT NOT NULL, digest TEXT NOT NULL,"
	"  PRIMARY KEY (repository, manifest, digest),"
	"  FOREIGN KEY (repository, manifest) REFERENCES manifest (repository, digest) ON DELETE CASCADE"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX manifest_reference_digest ON manifest_reference (digest);"
	"CREATE TABLE tag ("
	"  repository INTEGER NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, updated INTEGER NOT NULL,"
	"  PRIMARY KEY (repository, name),"
	"  FOREIGN KEY (repository, digest) REFERENCES manifest (repository, digest) ON DELETE CASCADE"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX tag_digest ON tag (repository, digest);"
	"CREATE TABLE upload ("
	"  id TEXT PRIMARY KEY, repository TEXT NOT NULL, owner TEXT NOT NULL, started INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX upload_owner ON upload (owner);"
	"CREATE TABLE user ("
	"  id INTEGER PRIMARY KEY, name TEXT NOT NULL, key TEXT NOT NULL UNIQUE, password TEXT, created INTEGER NOT "
	"NULL"
	") STRICT;"
	"CREATE TABLE access_token ("
	"  id TEXT PRIMARY KEY, user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,"
	"  hash BLOB NOT NULL UNIQUE, name TEXT NOT NULL, permissions INTEGER NOT NULL, pattern TEXT NOT NULL,"
	"  created INTEGER NOT NULL, expires INTEGER NOT NULL, revoked INTEGER NOT NULL DEFAULT 0"
	") STRICT, WITHOUT ROWID;"
	"CREATE INDEX access_token_user ON access_token (user);"
	"CREATE TABLE repository_grant ("
	"  user INTEGER NOT NULL REFERENCES user (id) ON DELETE CASCADE,"
	"  pattern TEXT NOT NULL, permissions INTEGER NOT NULL, PRIMARY KEY (user, pattern)) STRICT, WITHOUT ROWID;",
	NULL,
};
