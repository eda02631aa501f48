/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Line editor of the human monitor: echo, backspace, Ctrl-u, Ctrl-w, Ctrl-c, history with arrows or Ctrl-p/Ctrl-n,
 * completion of the first word with Tab.
 */
#include "monitor/hmp.h"

#include <string.h>

#define HMP_PROMPT "(qemu) "        /* scripts that drive the monitor look for this text */
#define HMP_LINE_MAX 4095
#define HMP_HISTORY_MAX 64

struct HmpLine {
    Monitor *mon;
    GString *text;
    GPtrArray *history;             /* of char *, oldest first */
    guint at;                       /* entry shown; history->len: the new line */
    unsigned escape;                /* progress through ESC [ x */
    bool after_cr;                  /* swallow the newline of CR LF */
};

HmpLine *hmp_line_new(Monitor *mon)
{
    HmpLine *l = g_new0(HmpLine, 1);

    l->mon = mon;
    l->text = g_string_new(NULL);
    l->history = g_ptr_array_new_with_free_func(g_free);
    return l;
}

void hmp_line_free(HmpLine *l)
{
    if (l) {
        g_string_free(l->text, TRUE);
        g_ptr_array_free(l->history, TRUE);
        g_free(l);
    }
}

void hmp_line_prompt(HmpLine *l)
{
    monitor_puts(l->mon, HMP_PROMPT);
    monitor_puts(l->mon, l->text->str);
}

static void hmp_line_erase(HmpLine *l, gsize n)
{
    GString *echo = g_string_new(NULL);

    for (gsize i = 0; i < n; i++) {
        g_string_append(echo, "\b \b");
    }
    monitor_puts(l->mon, echo->str);
    g_string_free(echo, TRUE);
    g_string_truncate(l->text, l->text->len - n);
}

static void hmp_line_insert(HmpLine *l, const char *text)
{
    if (l->text->len + strlen(text) <= HMP_LINE_MAX) {
        g_string_append(l->text, text);
        monitor_puts(l->mon, text);
    }
}

static void hmp_line_show_history(HmpLine *l, guint at)
{
    if (at > l->history->len) {
        return;
    }
    l->at = at;
    hmp_line_erase(l, l->text->len);
    hmp_line_insert(l, at < l->history->len ? g_ptr_array_index(l->history, at) : "");
}

static void hmp_line_remember(HmpLine *l)
{
    guint n = l->history->len;

    if (l->text->len && (!n || strcmp(g_ptr_array_index(l->history, n - 1), l->text->str) != 0)) {
        g_ptr_array_add(l->history, g_strdup(l->text->str));
        if (l->history->len > HMP_HISTORY_MAX) {
            g_ptr_array_remove_index(l->history, 0);
        }
    }
    l->at = l->history->len;
}

static char *hmp_line_enter(HmpLine *l)
{
    char *line;

    monitor_puts(l->mon, "\n");
    hmp_line_remember(l);
    line = g_strdup(l->text->str);
    g_string_truncate(l->text, 0);
    return line;
}

static gsize hmp_line_last_word(const HmpLine *l)
{
    gsize start = l->text->len;

    while (start && l->text->str[start - 1] == ' ') {
        start--;
    }
    while (start && l->text->str[start - 1] != ' ') {
        start--;
    }
    return l->text->len - start;
}

/* The part that all commands beginning with what was typed have in common. */
static void hmp_line_complete(HmpLine *l)
{
    bool info = g_str_has_prefix(l->text->str, "info ");
    const char *typed = l->text->str + (info ? strlen("info ") : 0);
    const HmpCommand *table = info ? hmp_info_commands : hmp_commands;
    g_autofree char *common = NULL;

    if (strchr(typed, ' ')) {
        return;
    }
    for (; table->name; table++) {
        gsize n = 0;

        if (!g_str_has_prefix(table->name, typed)) {
            continue;
        }
        if (!common) {
            common = g_strndup(table->name, strcspn(table->name, "|"));
            continue;
        }
        while (common[n] && common[n] == table->name[n]) {
            n++;
        }
        common[n] = '\0';
    }
    if (common && strlen(common) > strlen(typed)) {
        hmp_line_insert(l, common + strlen(typed));
    }
}

static void hmp_line_escape(HmpLine *l, uint8_t ch)
{
    if (l->escape == 1) {
        l->escape = ch == '[' || ch == 'O' ? 2 : 0;
        return;
    }
    l->escape = 0;
    if (ch == 'A' && l->at) {
        hmp_line_show_history(l, l->at - 1);
    } else if (ch == 'B') {
        hmp_line_show_history(l, l->at + 1);
    }
}

static void hmp_line_control(HmpLine *l, uint8_t ch)
{
    switch (ch) {
    case 0x03:                          /* Ctrl-c */
        g_string_truncate(l->text, 0);
        monitor_puts(l->mon, "\n");
        hmp_line_prompt(l);
        break;
    case 0x08:
    case 0x7f:
        if (l->text->len) {
            hmp_line_erase(l, 1);
        }
        break;
    case '\t':
        hmp_line_complete(l);
        break;
    case 0x0e:                          /* Ctrl-n */
        hmp_line_show_history(l, l->at + 1);
        break;
    case 0x10:                          /* Ctrl-p */
        if (l->at) {
            hmp_line_show_history(l, l->at - 1);
        }
        break;
    case 0x15:                          /* Ctrl-u */
        hmp_line_erase(l, l->text->len);
        break;
    case 0x17:                          /* Ctrl-w */
        hmp_line_erase(l, hmp_line_last_word(l));
        break;
    case 0x1b:
        l->escape = 1;
        break;
    default:
        break;
    }
}

char *hmp_line_byte(HmpLine *l, uint8_t ch)
{
    bool after_cr = l->after_cr;
    char text[2] = { (char)ch, '\0' };

    l->after_cr = ch == '\r';
    if (l->escape) {
        hmp_line_escape(l, ch);
    } else if (ch == '\r' || (ch == '\n' && !after_cr)) {
        return hmp_line_enter(l);
    } else if (ch < 0x20 || ch == 0x7f) {
        hmp_line_control(l, ch);
    } else {
        hmp_line_insert(l, text);
    }
    return NULL;
}
