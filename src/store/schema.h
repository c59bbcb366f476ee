/* The tables of ROOT/coracle.db, as the steps that lead from an empty database to this release's. */
#pragma once

/* For database_open(); NULL-terminated. A step is never changed once it was released: a new one is put behind it. */
extern const char *const store_migrations[];
