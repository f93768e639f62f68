/* SPDX-License-Identifier: BSD-2-Clause */
#include "harness.h"
#include "query/width.h"

TEST(characters_have_widths)
{
	CHECK_EQ(width_of('a'), 1);
	CHECK_EQ(width_of(0xe4), 1);	/* a with dots */
	CHECK_EQ(width_of(0x301), 0);	/* an accent that is put on */
	CHECK_EQ(width_of(0x200b), 0);	/* no space */
	CHECK_EQ(width_of(0x200d), 0);	/* a joiner */
	CHECK_EQ(width_of(0x65e5), 2);	/* a sun */
	CHECK_EQ(width_of(0xff21), 2);	/* a wide A */
	CHECK_EQ(width_of(0xff71), 1);	/* a narrow katakana */
	CHECK_EQ(width_of(0x1f600), 2); /* a face */
	CHECK_EQ(width_of(0xac00), 2);	/* a syllable */
	CHECK_EQ(width_of(0x1161), 0);	/* a vowel within one */
	CHECK_EQ(width_of(0x20000), 2);
	CHECK_EQ(width_of(0x10ffff), 1);
	CHECK_EQ(width_of(0x2502), 1); /* a line of a tree */
}

TEST(texts_have_widths)
{
	CHECK_EQ(width_text("", 0), 0);
	CHECK_EQ(width_text("abc", 3), 3);
	CHECK_EQ(width_text("e\xcc\x81t", 4), 2);
	CHECK_EQ(width_text("\xe6\x97\xa5\xe6\x9c\xac", 6), 4);
	CHECK_EQ(width_text("\xff\xfe", 2), 2);
}

TEST(texts_are_cut_between_characters)
{
	size_t columns;

	CHECK_EQ(width_cut("abc", 3, 2, &columns), 2);
	CHECK_EQ(columns, 2);
	/* A wide one that does not fit is left out. */
	CHECK_EQ(width_cut("\xe6\x97\xa5\xe6\x9c\xac", 6, 3, &columns), 3);
	CHECK_EQ(columns, 2);
	/* A mark stays with its character. */
	CHECK_EQ(width_cut("e\xcc\x81t", 4, 1, &columns), 3);
	CHECK_EQ(columns, 1);
	CHECK_EQ(width_cut("abc", 3, 9, &columns), 3);
	CHECK_EQ(columns, 3);
}
