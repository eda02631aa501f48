/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Goal: command descriptor blocks are decoded as the standards say, errno has one meaning in sense data.
 * Method: bytes in, structs out; no machine.
 */
#include "scsi/opcodes.h"
#include "scsi/scsi.h"

static SCSICommand decode(const char *hex)
{
    uint8_t buf[SCSI_CMD_BUF_SIZE] = { 0 };
    SCSICommand cmd = { 0 };
    unsigned n = 0;

    for (const char *p = hex; *p; p++) {
        if (*p != ' ') {
            buf[n++] = g_ascii_xdigit_value(p[0]) << 4 | g_ascii_xdigit_value(p[1]);
            p++;
        }
    }
    g_assert_true(scsi_decode_cdb(buf, sizeof(buf), 512, &cmd));
    return cmd;
}

static void check(const char *hex, uint64_t lba, uint64_t blocks, uint64_t xfer, SCSIXferMode mode)
{
    SCSICommand cmd = decode(hex);

    g_assert_cmpuint(cmd.lba, ==, lba);
    g_assert_cmpuint(cmd.blocks, ==, blocks);
    g_assert_cmpuint(cmd.xfer, ==, xfer);
    g_assert_cmpuint(cmd.mode, ==, mode);
}

static void test_read_write(void)
{
    check("08 1f ff ff 00 00", 0x1fffff, 256, 256 * 512, SCSI_XFER_FROM_DEV);
    check("0a 00 00 07 02 00", 7, 2, 1024, SCSI_XFER_TO_DEV);
    check("28 00 01 02 03 04 00 00 08 00", 0x01020304, 8, 4096, SCSI_XFER_FROM_DEV);
    check("2a 00 00 00 00 00 00 00 00 00", 0, 0, 0, SCSI_XFER_NONE);
    check("a8 00 00 00 00 01 00 01 00 00 00 00", 1, 0x10000, 0x2000000, SCSI_XFER_FROM_DEV);
    check("8a 00 00 00 00 01 00 00 00 00 00 00 00 01 00 00", 0x100000000, 1, 512, SCSI_XFER_TO_DEV);
    check("88 00 ff ff ff ff ff ff ff ff ff ff ff ff 00 00", UINT64_MAX, UINT32_MAX, UINT32_MAX * 512ULL,
          SCSI_XFER_FROM_DEV);
}

static void test_others(void)
{
    check("00 00 00 00 ff 00", 0, 0, 0, SCSI_XFER_NONE);
    check("12 01 80 01 00 00", 0, 0, 256, SCSI_XFER_FROM_DEV);
    check("1a 00 3f 00 c0 00", 0, 0, 192, SCSI_XFER_FROM_DEV);
    check("25 00 00 00 00 00 00 00 00 00", 0, 0, 8, SCSI_XFER_FROM_DEV);
    check("42 00 00 00 00 00 00 00 18 00", 0, 0, 24, SCSI_XFER_TO_DEV);
    check("a0 00 00 00 00 00 00 00 10 00 00 00", 0, 0, 4096, SCSI_XFER_FROM_DEV);
    check("9e 10 00 00 00 00 00 00 00 00 00 00 00 20 00 00", 0, 0, 32, SCSI_XFER_FROM_DEV);
    check("93 01 00 00 00 00 00 00 00 02 00 00 00 08 00 00", 2, 8, 0, SCSI_XFER_NONE);
    check("93 00 00 00 00 00 00 00 00 02 00 00 00 08 00 00", 2, 8, 512, SCSI_XFER_TO_DEV);
}

static void test_malformed(void)
{
    static const uint8_t vendor[16] = { 0xc0 };
    static const uint8_t variable[16] = { 0x7f };
    static const uint8_t read16[16] = { READ_16 };
    SCSICommand cmd;

    g_assert_false(scsi_decode_cdb(vendor, 16, 512, &cmd));
    g_assert_false(scsi_decode_cdb(variable, 16, 512, &cmd));
    g_assert_false(scsi_decode_cdb(read16, 15, 512, &cmd));
    g_assert_false(scsi_decode_cdb(read16, 0, 512, &cmd));
    g_assert_true(scsi_decode_cdb(read16, 16, 512, &cmd));
}

static void test_sense(void)
{
    SCSISense s = { 0 };
    uint8_t buf[SCSI_SENSE_BUF_SIZE];

    g_assert_cmpint(scsi_sense_from_errno(0, &s), ==, GOOD);
    g_assert_cmpint(scsi_sense_from_errno(ENOSPC, &s), ==, CHECK_CONDITION);
    g_assert_cmpuint(s.key, ==, 7);
    g_assert_cmpint(scsi_sense_from_errno(EIO, &s), ==, CHECK_CONDITION);
    g_assert_cmpuint(s.key, ==, 0x0b);
    g_assert_cmpuint(scsi_build_sense(buf, true, s), ==, 18);
    g_assert_cmpuint(buf[2], ==, 0x0b);
    g_assert_cmpuint(buf[13], ==, 6);
    g_assert_cmpuint(scsi_build_sense(buf, false, s), ==, 8);
    g_assert_cmpuint(buf[0], ==, 0x72);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/scsi/read-write", test_read_write);
    g_test_add_func("/scsi/others", test_others);
    g_test_add_func("/scsi/malformed", test_malformed);
    g_test_add_func("/scsi/sense", test_sense);
    return g_test_run();
}
