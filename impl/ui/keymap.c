/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of keys and X11 keysyms, as numbers of a US keyboard. Names are QMP's QKeyCode.
 * Source: X.Org keysymdef.h for the values; IBM PS/2 technical reference for the numbers.
 */
#include <stdlib.h>
#include <string.h>

#include "ui/input.h"

typedef struct KeyName {
    const char *name;
    uint8_t qnum;
    uint16_t keysym;            /* 0: none beside the printable ones */
} KeyName;

static const KeyName key_names[] = {
    { "esc", 0x01, 0xff1b }, { "1", 0x02, '1' }, { "2", 0x03, '2' }, { "3", 0x04, '3' }, { "4", 0x05, '4' },
    { "5", 0x06, '5' }, { "6", 0x07, '6' }, { "7", 0x08, '7' }, { "8", 0x09, '8' }, { "9", 0x0a, '9' },
    { "0", 0x0b, '0' }, { "minus", 0x0c, '-' }, { "equal", 0x0d, '=' }, { "backspace", 0x0e, 0xff08 },
    { "tab", 0x0f, 0xff09 }, { "q", 0x10, 'q' }, { "w", 0x11, 'w' }, { "e", 0x12, 'e' }, { "r", 0x13, 'r' },
    { "t", 0x14, 't' }, { "y", 0x15, 'y' }, { "u", 0x16, 'u' }, { "i", 0x17, 'i' }, { "o", 0x18, 'o' },
    { "p", 0x19, 'p' }, { "bracket_left", 0x1a, '[' }, { "bracket_right", 0x1b, ']' }, { "ret", 0x1c, 0xff0d },
    { "ctrl", 0x1d, 0xffe3 }, { "a", 0x1e, 'a' }, { "s", 0x1f, 's' }, { "d", 0x20, 'd' }, { "f", 0x21, 'f' },
    { "g", 0x22, 'g' }, { "h", 0x23, 'h' }, { "j", 0x24, 'j' }, { "k", 0x25, 'k' }, { "l", 0x26, 'l' },
    { "semicolon", 0x27, ';' }, { "apostrophe", 0x28, '\'' }, { "grave_accent", 0x29, '`' },
    { "shift", 0x2a, 0xffe1 }, { "backslash", 0x2b, '\\' }, { "z", 0x2c, 'z' }, { "x", 0x2d, 'x' },
    { "c", 0x2e, 'c' }, { "v", 0x2f, 'v' }, { "b", 0x30, 'b' }, { "n", 0x31, 'n' }, { "m", 0x32, 'm' },
    { "comma", 0x33, ',' }, { "dot", 0x34, '.' }, { "slash", 0x35, '/' }, { "shift_r", 0x36, 0xffe2 },
    { "asterisk", 0x37, 0xffaa }, { "kp_multiply", 0x37, 0xffaa }, { "alt", 0x38, 0xffe9 }, { "spc", 0x39, ' ' },
    { "caps_lock", 0x3a, 0xffe5 }, { "f1", 0x3b, 0xffbe }, { "f2", 0x3c, 0xffbf }, { "f3", 0x3d, 0xffc0 },
    { "f4", 0x3e, 0xffc1 }, { "f5", 0x3f, 0xffc2 }, { "f6", 0x40, 0xffc3 }, { "f7", 0x41, 0xffc4 },
    { "f8", 0x42, 0xffc5 }, { "f9", 0x43, 0xffc6 }, { "f10", 0x44, 0xffc7 }, { "num_lock", 0x45, 0xff7f },
    { "scroll_lock", 0x46, 0xff14 }, { "kp_7", 0x47, 0xffb7 }, { "kp_8", 0x48, 0xffb8 }, { "kp_9", 0x49, 0xffb9 },
    { "kp_subtract", 0x4a, 0xffad }, { "kp_4", 0x4b, 0xffb4 }, { "kp_5", 0x4c, 0xffb5 }, { "kp_6", 0x4d, 0xffb6 },
    { "kp_add", 0x4e, 0xffab }, { "kp_1", 0x4f, 0xffb1 }, { "kp_2", 0x50, 0xffb2 }, { "kp_3", 0x51, 0xffb3 },
    { "kp_0", 0x52, 0xffb0 }, { "kp_decimal", 0x53, 0xffae }, { "sysrq", 0x54, 0xff15 }, { "less", 0x56, 0 },
    { "f11", 0x57, 0xffc8 }, { "f12", 0x58, 0xffc9 }, { "kp_equals", 0x59, 0xffbd }, { "kp_enter", 0x9c, 0xff8d },
    { "ctrl_r", 0x9d, 0xffe4 }, { "kp_divide", 0xb5, 0xffaf }, { "print", 0xb7, 0xff61 }, { "alt_r", 0xb8, 0xffea },
    { "pause", 0xc6, 0xff13 }, { "home", 0xc7, 0xff50 }, { "up", 0xc8, 0xff52 }, { "pgup", 0xc9, 0xff55 },
    { "left", 0xcb, 0xff51 }, { "right", 0xcd, 0xff53 }, { "end", 0xcf, 0xff57 }, { "down", 0xd0, 0xff54 },
    { "pgdn", 0xd1, 0xff56 }, { "insert", 0xd2, 0xff63 }, { "delete", 0xd3, 0xffff }, { "meta_l", 0xdb, 0xffeb },
    { "meta_r", 0xdc, 0xffec }, { "menu", 0xdd, 0xff67 }, { "compose", 0xdd, 0xff67 }, { "power", 0xde, 0 },
    { "sleep", 0xdf, 0 }, { "wake", 0xe3, 0 },
};

/* Characters that need Shift, as the key they are on. */
static const char shifted[] = "!1@2#3$4%5^6&7*8(9)0_-+={[}]:;\"'~`|\\<,>.?/";

unsigned input_qnum_from_name(const char *name)
{
    char *end;
    guint64 n;

    for (unsigned i = 0; i < G_N_ELEMENTS(key_names); i++) {
        if (strcmp(key_names[i].name, name) == 0) {
            return key_names[i].qnum;
        }
    }
    n = g_ascii_strtoull(name, &end, 16);
    return g_str_has_prefix(name, "0x") && !*end && n <= 0xff ? n : 0;
}

unsigned input_qnum_from_keysym(uint32_t keysym)
{
    if (keysym >= 'A' && keysym <= 'Z') {
        keysym += 'a' - 'A';
    }
    for (unsigned i = 0; shifted[i]; i += 2) {
        if (keysym == (uint8_t)shifted[i]) {
            keysym = shifted[i + 1];
            break;
        }
    }
    for (unsigned i = 0; keysym && i < G_N_ELEMENTS(key_names); i++) {
        if (key_names[i].keysym == keysym) {
            return key_names[i].qnum;
        }
    }
    return 0;
}
