/* Names of containers: which are allowed, and those made up for containers that were given none. */
#include <string.h>

#include "base/random.h"
#include "store/container.h"
#include "store/transaction.h"

#define NAME_LIMIT 255 /* bytes: a name becomes a host name's label and a word of a table, not a text */
#define NAME_TRIES 64

static const char *const adjectives[] = {
	"able",	    "amber",   "brave",	   "breezy",  "bright",	  "brisk",   "calm",	"candid",   "careful",
	"cheerful", "clear",   "clever",   "cosy",    "crisp",	  "curious", "daring",	"deft",	    "diligent",
	"eager",    "earnest", "fearless", "fluent",  "frank",	  "gallant", "gentle",	"gifted",   "glad",
	"graceful", "hardy",   "hearty",   "honest",  "hopeful",  "jolly",   "keen",	"kindly",   "lively",
	"lucid",    "lucky",   "merry",	   "mindful", "modest",	  "nimble",  "patient", "peaceful", "placid",
	"playful",  "polite",  "prudent",  "quick",   "quiet",	  "radiant", "ready",	"serene",   "sincere",
	"steady",   "sunny",   "tidy",	   "upbeat",  "vigilant", "witty",
};

static const char *const surnames[] = {
	"abel",	     "agnesi",	 "ampere",    "archimedes",   "babbage",  "banach",	"bernoulli", "bohr",
	"boltzmann", "boole",	 "brahe",     "carson",	      "cauchy",	  "cavendish",	"church",    "curie",
	"dalton",    "darwin",	 "descartes", "dijkstra",     "dirac",	  "einstein",	"euclid",    "euler",
	"faraday",   "fermat",	 "fermi",     "feynman",      "fourier",  "franklin",	"galileo",   "galois",
	"gauss",     "germain",	 "godel",     "halley",	      "hamilton", "heisenberg", "hilbert",   "hopper",
	"hypatia",   "kepler",	 "khwarizmi", "kovalevskaya", "lagrange", "laplace",	"lavoisier", "leibniz",
	"linnaeus",  "lovelace", "maxwell",   "meitner",      "mendel",	  "newton",	"noether",   "pascal",
	"ramanujan", "riemann",	 "turing",    "volta",
};

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool container_name_is_valid(const char *name)
{
	if (!is_letter_or_digit(name[0]))
		return false;
	size_t length = 1;
	for (; name[length]; length++)
		if (length >= NAME_LIMIT || (!is_letter_or_digit(name[length]) && !strchr("_.-", name[length])))
			return false;
	return length >= 2;
}

static unsigned random_below(unsigned limit)
{
	unsigned number;
	random_bytes(&number, sizeof number);
	return number % limit;
}

int container_generate_name(struct store *store, char **ret_name, struct error *err)
{
	for (unsigned try = 0; try < NAME_TRIES; try++) {
		const char *adjective = adjectives[random_below(ARRAY_SIZE(adjectives))];
		const char *surname = surnames[random_below(ARRAY_SIZE(surnames))];
		/* Where many names are taken a number makes room. */
		cleanup_free char *name =
			try < 4 ? format_string("%s_%s", adjective, surname)
				: format_string("%s_%s%u", adjective, surname, random_below(10u * try));
		cleanup_statement sqlite3_stmt *statement = NULL;
		if (database_prepare(store->database, &statement, err, "SELECT 1 FROM container WHERE name = ?1", "t",
				     name) < 0)
			return -1;
		int row = database_step(statement, err);
		if (row < 0)
			return -1;
		if (row == 0) {
			*ret_name = steal_pointer(&name);
			return 0;
		}
	}
	return error_set(err, ERROR_CONFLICT, "no free name was found: give one with --name");
}
