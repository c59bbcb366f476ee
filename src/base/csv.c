#include "base/csv.h"

#include <string.h>

int csv_split(const char *text, struct string_list *fields, struct error *err)
{
	cleanup_free char *field = allocate(strlen(text) + 1);
	size_t used = 0;
	bool quoted = false;
	for (const char *at = text;; at++) {
		if (quoted && *at == '"' && at[1] == '"') {
			field[used++] = *at++;
		} else if (*at == '"' && (quoted || used == 0)) {
			quoted = !quoted;
		} else if (!*at || (*at == ',' && !quoted)) {
			string_list_take(fields, duplicate_bytes(field, used));
			used = 0;
			if (!*at)
				break;
		} else {
			field[used++] = *at;
		}
	}
	return quoted ? error_set(err, ERROR_INVALID, "extraneous or missing \" in \"%s\"", text) : 0;
}
