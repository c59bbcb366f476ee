/* The Link header of HTTP (RFC 8288), as far as registries use it: `</v2/_catalog?last=b&n=100>; rel="next"`. */
#pragma once

/* What is between the brackets of the link whose relation is "next", owned by the caller; NULL where there is none. */
char *link_next(const char *header);
