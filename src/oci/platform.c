/*
 * Words for machines come from three families: Go's (amd64), the kernel's (x86_64) and Debian's (armhf). All of them
 * are taken in and Go's are given out, as Docker does. The variants of arm are ordered: a v7 machine runs v6 code.
 */
#include "oci/platform.h"

#include <ctype.h>
#include <string.h>
#include <sys/utsname.h>

static const struct {
	const char *alias;
	const char *architecture;
	const char *variant;
} aliases[] = {
	{"x86_64", "amd64", ""},
	{"x86-64", "amd64", ""},
	{"aarch64", "arm64", "v8"},
	{"armv8l", "arm64", "v8"},
	{"armhf", "arm", "v7"},
	{"armv7l", "arm", "v7"},
	{"armel", "arm", "v6"},
	{"armv6l", "arm", "v6"},
	{"i386", "386", ""},
	{"i486", "386", ""},
	{"i586", "386", ""},
	{"i686", "386", ""},
	{"loongarch64", "loong64", ""},
};

static const char *const systems[] = {"linux",	 "windows", "darwin",  "freebsd", "netbsd", "openbsd",
				      "solaris", "android", "illumos", "aix",	  "plan9",  "wasip1"};

static void set_word(char word[32], const char *text)
{
	size_t length = strnlen(text, 31);
	memmove(word, text, length);
	word[length] = '\0';
}

/* Go's words, and a variant where the architecture implies one. */
static void normalize(struct platform *platform)
{
	for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
		if (strcmp(platform->architecture, aliases[i].alias) != 0)
			continue;
		set_word(platform->architecture, aliases[i].architecture);
		if (!platform->variant[0])
			set_word(platform->variant, aliases[i].variant);
		break;
	}
	if (isdigit((unsigned char)platform->variant[0]) && strncmp(platform->architecture, "arm", 3) == 0) {
		char variant[32] = "v";
		memcpy(variant + 1, platform->variant, sizeof variant - 2);
		set_word(platform->variant, variant);
	}
}

void platform_host(struct platform *ret_platform)
{
	struct utsname name;
	*ret_platform = (struct platform){.os = "linux"};
	if (uname(&name) == 0)
		set_word(ret_platform->architecture, name.machine);
	normalize(ret_platform);
}

static bool is_system(const char *word)
{
	for (size_t i = 0; i < ARRAY_SIZE(systems); i++)
		if (strcmp(word, systems[i]) == 0)
			return true;
	return false;
}

static int refuse(const char *text, const char *why, struct error *err)
{
	return error_set(err, ERROR_INVALID,
			 "\"%.100s\": invalid platform: %s; write it as OS/ARCHITECTURE[/VARIANT], "
			 "for example linux/arm64",
			 text, why);
}

int platform_parse(const char *text, struct platform *ret_platform, struct error *err)
{
	char words[3][32] = {{0}};
	size_t count = 0;
	for (const char *at = text;; count++) {
		size_t length = strcspn(at, "/");
		if (count == ARRAY_SIZE(words))
			return refuse(text, "too many parts", err);
		if (length == 0)
			return refuse(text, "a part is empty", err);
		if (length >= sizeof words[0])
			return refuse(text, "a part is too long", err);
		if (!isalnum((unsigned char)at[0]))
			return refuse(text, "a part begins with neither a letter nor a digit", err);
		for (size_t i = 0; i < length; i++) {
			unsigned char c = (unsigned char)at[i];
			if (!isalnum(c) && c != '_' && c != '-' && c != '.')
				return refuse(text,
					      "a part holds a character that is not a letter, digit, '.', '_' or '-'",
					      err);
			words[count][i] = (char)tolower(c);
		}
		if (!at[length])
			break;
		at += length + 1;
	}
	count++;
	struct platform platform = {0};
	if (count == 1 && !is_system(words[0])) {
		set_word(platform.os, "linux");
		set_word(platform.architecture, words[0]);
	} else if (count == 1) {
		platform_host(&platform);
		set_word(platform.os, words[0]);
	} else {
		set_word(platform.os, words[0]);
		set_word(platform.architecture, words[1]);
		set_word(platform.variant, words[2]);
	}
	normalize(&platform);
	*ret_platform = platform;
	return 0;
}

void platform_canonicalize(struct platform *platform)
{
	normalize(platform);
	if ((strcmp(platform->architecture, "arm64") == 0 && strcmp(platform->variant, "v8") == 0) ||
	    (strcmp(platform->architecture, "amd64") == 0 && strcmp(platform->variant, "v1") == 0))
		set_word(platform->variant, "");
	if (strcmp(platform->architecture, "arm") == 0 && !platform->variant[0])
		set_word(platform->variant, "v7");
}

char *platform_text(const struct platform *platform)
{
	return format_string("%s/%s%s%s", platform->os, platform->architecture, platform->variant[0] ? "/" : "",
			     platform->variant);
}

/* "v7" is 7; 0 where it is not of that form. */
static int variant_number(const char *variant)
{
	return variant[0] == 'v' && isdigit((unsigned char)variant[1]) && !variant[2] ? variant[1] - '0' : 0;
}

bool platform_matches(const struct platform *wanted, const struct platform *offered)
{
	struct platform want = *wanted, offer = *offered;
	normalize(&want);
	normalize(&offer);
	if (strcmp(want.os, offer.os) != 0 || strcmp(want.architecture, offer.architecture) != 0)
		return false;
	if (!want.variant[0] || !offer.variant[0] || strcmp(want.variant, offer.variant) == 0)
		return true;
	int want_number = variant_number(want.variant), offer_number = variant_number(offer.variant);
	return strcmp(want.architecture, "arm") == 0 && want_number && offer_number && offer_number <= want_number;
}
