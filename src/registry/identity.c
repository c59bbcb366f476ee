#include "registry/identity.h"

struct identity *identity_new(enum identity_kind kind)
{
	struct identity *identity = allocate(sizeof *identity);
	identity->references = 1;
	identity->kind = kind;
	identity->ceiling = PERMISSION_ALL;
	return identity;
}

struct identity *identity_share(struct identity *identity)
{
	identity->references++;
	return identity;
}

void identity_free(struct identity *identity)
{
	if (!identity || --identity->references > 0)
		return;
	free(identity->pattern);
	free(identity->audience);
	scope_list_release(&identity->scopes);
	free(identity);
}
