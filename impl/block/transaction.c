/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transactions of the graph: a list of steps already taken, to be kept or undone as one. Main context. */
#include "block/block.h"
#include "base/assert.h"

typedef struct TransactionAction {
    const TransactionActionDrv *drv;
    void *opaque;
} TransactionAction;

struct Transaction {
    GArray *actions;
};

Transaction *tran_new(void)
{
    Transaction *tran = g_new0(Transaction, 1);

    tran->actions = g_array_new(FALSE, FALSE, sizeof(TransactionAction));
    return tran;
}

void tran_add(Transaction *tran, const TransactionActionDrv *drv, void *opaque)
{
    TransactionAction a = { drv, opaque };

    g_array_append_val(tran->actions, a);
}

static void tran_free(Transaction *tran)
{
    g_array_unref(tran->actions);
    g_free(tran);
}

void tran_abort(Transaction *tran)
{
    for (guint i = tran->actions->len; i-- > 0;) {
        TransactionAction *a = &g_array_index(tran->actions, TransactionAction, i);

        if (a->drv->abort) {
            a->drv->abort(a->opaque);
        }
    }
    for (guint i = tran->actions->len; i-- > 0;) {
        TransactionAction *a = &g_array_index(tran->actions, TransactionAction, i);

        if (a->drv->clean) {
            a->drv->clean(a->opaque);
        }
    }
    tran_free(tran);
}

void tran_commit(Transaction *tran)
{
    for (guint i = 0; i < tran->actions->len; i++) {
        TransactionAction *a = &g_array_index(tran->actions, TransactionAction, i);

        if (a->drv->commit) {
            a->drv->commit(a->opaque);
        }
    }
    for (guint i = 0; i < tran->actions->len; i++) {
        TransactionAction *a = &g_array_index(tran->actions, TransactionAction, i);

        if (a->drv->clean) {
            a->drv->clean(a->opaque);
        }
    }
    tran_free(tran);
}
