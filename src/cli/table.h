/* Tables as Docker prints them: columns as wide as their widest cell plus three spaces, and ten at least. */
#pragma once

/*
 * Prints text whose cells are parted by tabs and whose rows end with a newline. Rows that follow each
 * other and have as many cells make one table.
 */
void table_print(const char *text);
