/* The tables of ROOT/registry.db, one migration a version. A migration that was released is never changed. */
#pragma once

extern const char *const registry_migrations[]; /* NULL-terminated */
