/* In the place of postgresql.c where a program is built without libpq, as the static one is. */
#include <stdio.h>

#include "stores.h"

struct songs *postgresql_songs_open(const char *folder, const char *url)
{
	(void)folder;
	(void)url;
	fprintf(stderr, "s2: this program is built without PostgreSQL: use the image's target postgresql\n");
	return NULL;
}
