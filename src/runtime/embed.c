/* A tool of the build: writes a file's bytes as a C array. embed FILE NAME > FILE.c */
#include <stdio.h>

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	FILE *file = fopen(argv[1], "rb");
	if (!file) {
		perror(argv[1]);
		return 1;
	}
	printf("#include <stddef.h>\nextern const unsigned char %s[];\nextern const size_t %s_size;\n", argv[2],
	       argv[2]);
	printf("const unsigned char %s[] = {", argv[2]);
	size_t count = 0;
	for (int byte; (byte = getc(file)) != EOF; count++)
		printf("%s0x%02x,", count % 20 ? "" : "\n", (unsigned)byte);
	printf("\n};\nconst size_t %s_size = %zu;\n", argv[2], count);
	int failed = ferror(file) || fflush(stdout) != 0;
	fclose(file);
	return failed;
}
