/* Go's text/template as Docker uses it: what it prints, and its words for what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/template.h"

static const char document_text[] =
	"{\"Name\":\"web\",\"Count\":3,\"Zero\":0,\"Empty\":\"\",\"Yes\":true,\"Nil\":null,\"Half\":0.5,"
	"\"List\":[\"a\",\"b\",\"c\"],\"Map\":{\"z\":\"1\",\"a\":\"2\"},\"Deep\":{\"Inner\":{\"Value\":\"x\"}},"
	"\"Ports\":{\"80/tcp\":[{\"HostPort\":\"8080\"}]}}";

static int render(const char *text, bool missing_key_is_error, const struct template_type *type, char *output,
		  size_t size)
{
	struct error err = {0};
	cleanup_json json_t *document = NULL;
	cleanup_template struct template *template = NULL;
	cleanup_buffer struct buffer result = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	assert_int_equal(json_parse(document_text, strlen(document_text), &document, &err), 0);
	const struct template_input input = {
		.json = document, .type = type, .missing_key_is_error = missing_key_is_error};
	int status = template_parse(text, &template, &err);
	if (status == 0)
		status = template_execute(template, &input, &result, &err);
	snprintf(output, size, "%.500s", status == 0 ? buffer_text(&result) : err.message);
	return status;
}

struct example {
	const char *template, *output;
};

static void check(const struct example *examples, size_t count, int status, bool missing_key_is_error)
{
	for (size_t i = 0; i < count; i++) {
		char output[1024];
		int got = render(examples[i].template, missing_key_is_error, NULL, output, sizeof output);
		if (got != status || strcmp(output, examples[i].output) != 0)
			print_error("%s\n", examples[i].template);
		assert_string_equal(output, examples[i].output);
		assert_int_equal(got, status);
	}
}

static void templates_print_what_go_prints(void **state)
{
	static const struct example examples[] = {
		{"", ""},
		{"plain } text", "plain } text"},
		{"{{.Name}}-{{.Count}}-{{.Yes}}-{{.Half}}", "web-3-true-0.5"},
		{"{{.Deep.Inner.Value}}", "x"},
		{"{{(.Deep).Inner.Value}}", "x"},
		{"{{.Missing}}", "<no value>"},
		{"{{.Missing.More}}", "<no value>"},
		{"{{.Nil}}", "<no value>"},
		{"{{.List}} {{.Map}}", "[a b c] map[a:2 z:1]"},
		{"a  {{- .Name -}}  b", "awebb"},
		{"a {{/* nothing */}} b", "a  b"},
		{"a {{- /* nothing */ -}} b", "ab"},
		{"{{if .Zero}}a{{else if .Yes}}b{{else}}c{{end}}", "b"},
		{"{{if .Empty}}a{{else}}c{{end}}", "c"},
		{"{{if not .Nil}}none{{end}}", "none"},
		{"{{with .Deep}}{{.Inner.Value}}{{$.Name}}{{end}}", "xweb"},
		{"{{with .Nil}}a{{else}}b{{end}}", "b"},
		{"{{with .Nil}}a{{else with .Name}}{{.}}{{end}}", "web"},
		{"{{range .List}}<{{.}}>{{end}}", "<a><b><c>"},
		{"{{range $i, $x := .List}}{{$i}}={{$x}},{{end}}", "0=a,1=b,2=c,"},
		{"{{range $k, $v := .Map}}{{$k}}{{$v}} {{end}}", "a2 z1 "},
		{"{{range .Missing}}a{{else}}none{{end}}", "none"},
		{"{{range .List}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}", "ac"},
		{"{{range .List}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}", "a"},
		{"{{range 3}}{{.}}{{end}}", "012"},
		{"{{range $i, $x := .Empty | len}}a{{else}}{{$i}}{{end}}", "0"},
		{"{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"},
		{"{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}", "1"},
		{"{{len .List}} {{len .Name}} {{len .Map}}", "3 3 2"},
		{"{{index .List 1}} {{index .Map \"z\"}}", "b 1"},
		{"{{(index (index .Ports \"80/tcp\") 0).HostPort}}", "8080"},
		{"{{slice .Name 1}} {{slice .Name 0 1}} {{slice .List 1 2}}", "eb w [b]"},
		{"{{and 1 0 (index .List 9)}} {{or 0 \"x\" (index .List 9)}}", "0 x"},
		{"{{eq 1 2 1}} {{ne 1 2}} {{lt 1 2}} {{le 2 2}} {{gt \"b\" \"a\"}} {{ge 1 2}}",
		 "true true true true true false"},
		{"{{.Name | upper | printf \"%-5s|%5s\" \"a\"}}", "a    |  WEB"},
		{"{{printf \"%d %05d %x %q %v %t %.2f %%\" 7 42 255 \"a\\\"b\" .List true 1.5}}",
		 "7 00042 ff \"a\\\"b\" [a b c] true 1.50 %"},
		{"{{printf \"%d %s\" \"x\"}}", "%!d(string=x) %!s(MISSING)"},
		{"{{printf \"a\" 1}}", "a%!(EXTRA int=1)"},
		{"{{print 1 2 \"a\" \"b\" 3}}|{{println \"a\" 1}}", "1 2ab3|a 1\n"},
		{"{{json .Map}} {{json .List}} {{json .Missing}}",
		 "{\"a\":\"2\",\"z\":\"1\"} [\"a\",\"b\",\"c\"] null"},
		{"{{json \"<&>\\x01\\n\"}}", "\"<&>\\u0001\\n\""},
		{"{{join .List \",\"}} {{split \"a/b\" \"/\"}} {{title \"ab cd\"}} {{lower \"AB\"}}",
		 "a,b,c [a b] Ab Cd ab"},
		{"{{pad .Name 1 2}}|{{truncate .Name 2}}|{{truncate .Name 9}}", " web  |we|web"},
		{"{{html \"<a>\"}} {{urlquery \"a b&\"}} {{js \"it's\"}}", "&lt;a&gt; a+b%26 it\\'s"},
		{"{{`raw \\n`}} {{'a'}} {{\"\\u00e9\\t\"}}|", "raw \\n 97 \xc3\xa9\t|"},
	};
	check(examples, ARRAY_SIZE(examples), 0, false);
}

static void mistakes_have_gos_words(void **state)
{
	static const struct example examples[] = {
		{"{{", "template: :1: unclosed action"},
		{"{{.Name", "template: :1: unclosed action"},
		{"{{/* a", "template: :1: unclosed comment"},
		{"{{\"a}}", "template: :1: unterminated quoted string"},
		{"{{}}", "template: :1: missing value for command"},
		{"{{()}}", "template: :1: missing value for parenthesized pipeline"},
		{"{{(.Name}}", "template: :1: unclosed left paren"},
		{"{{.Name)}}", "template: :1: unexpected right paren"},
		{"{{nope .}}", "template: :1: function \"nope\" not defined"},
		{"{{$x}}", "template: :1: undefined variable \"$x\""},
		{"{{if .Name}}", "template: :1: unexpected EOF"},
		{"a\n{{end}}", "template: :2: unexpected {{end}}"},
		{"{{break}}", "template: :1: {{break}} outside {{range}}"},
		{"{{1 | 2}}", "template: :1: non executable command in pipeline stage 2"},
		{"{{.Name.Foo}}", "template: :1:7: executing \"\" at <.Name.Foo>: can't evaluate field Foo in type "
				  "interface {}"},
		{"{{index .List 5}}", "template: :1:2: executing \"\" at <index>: error calling index: index out of "
				      "range: 5"},
		{"{{len 3}}", "template: :1:2: executing \"\" at <len>: error calling len: len of type int"},
		{"{{eq 1 \"a\"}}",
		 "template: :1:2: executing \"\" at <eq>: error calling eq: incompatible types for comparison"},
		{"{{lt 1}}", "template: :1:2: executing \"\" at <lt>: wrong number of args for lt: want 2 got 1"},
		{"{{$x := $x}}", "template: :1:8: executing \"\" at <$x>: undefined variable: $x"},
		{"{{nil}}", "template: :1:2: executing \"\" at <nil>: nil is not a command"},
		{"{{range .Name}}{{end}}", "template: :1:8: executing \"\" at <.Name>: range can't iterate over web"},
	};
	check(examples, ARRAY_SIZE(examples), -1, false);
	static const struct example missing[] = {
		{"{{.Deep.Health.Status}}",
		 "template: :1:7: executing \"\" at <.Deep.Health.Status>: map has no entry for key \"Health\""},
	};
	char output[512];
	assert_int_equal(render(missing[0].template, true, NULL, output, sizeof output), -1);
	assert_non_null(strstr(output, "executing \"\" at <.Deep.Health.Status>: map has no entry for key \"Health\""));
}

static void structs_have_members_and_maps_have_keys(void **state)
{
	static const char *const maps[] = {"Map", NULL}, *const optional[] = {"Health", NULL};
	static const struct template_type type = {.name = "system.dockerInfo", .maps = maps, .optional = optional};
	char output[512];
	assert_int_equal(render("{{.Foo}}", false, &type, output, sizeof output), -1);
	assert_string_equal(
		output, "template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type system.dockerInfo");
	assert_int_equal(render("{{if .Health}}a{{else}}none{{end}}[{{index .Map \"q\"}}]{{.Map.q}}", false, &type,
				output, sizeof output),
			 0);
	assert_string_equal(output, "none[]<no value>");
}

static void depth_and_length_are_bounded(void **state)
{
	static char text[TEMPLATE_TEXT_LIMIT + 16], output[512];
	memset(text, 'a', TEMPLATE_TEXT_LIMIT + 1);
	assert_int_equal(render(text, false, NULL, output, sizeof output), -1);
	memset(text, 0, sizeof text);
	memcpy(text, "{{", 2);
	memset(text + 2, '(', 30000);
	assert_int_equal(render(text, false, NULL, output, sizeof output), -1);
	assert_int_equal(render("{{range 200000}}{{end}}", false, NULL, output, sizeof output), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(templates_print_what_go_prints),
		cmocka_unit_test(mistakes_have_gos_words),
		cmocka_unit_test(structs_have_members_and_maps_have_keys),
		cmocka_unit_test(depth_and_length_are_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
