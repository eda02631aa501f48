/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Symbols through libdw. The debug information is opened at the first question and kept: one per process, since it
 * describes the process. Used when a run has failed or is being explained, never on a hot path.
 */
#include "replay/symbols.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <glib.h>
#include <unistd.h>

static Dwfl *dwfl_of_process(void)
{
    static Dwfl *dwfl;
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_linux_proc_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
    };

    if (!dwfl) {
        dwfl = dwfl_begin(&callbacks);
        if (dwfl && (dwfl_linux_proc_report(dwfl, getpid()) != 0 || dwfl_report_end(dwfl, NULL, NULL) != 0)) {
            dwfl_end(dwfl);
            dwfl = NULL;
        }
    }
    return dwfl;
}

static const char *die_name(Dwarf_Die *die)
{
    Dwarf_Attribute attr;
    const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attr));

    return name ? name : "?";
}

/*
 * clang writes no address table by default, assemblers do. From a table of a few units libdwfl takes the nearest below,
 * so its answer counts only if the unit says that it covers the address; else every unit is asked.
 */
static Dwarf_Die *unit_at(Dwfl_Module *module, Dwarf_Addr addr, Dwarf_Addr *ret_bias)
{
    Dwarf_Die *cu = dwfl_module_addrdie(module, addr, ret_bias);

    if (!cu || dwarf_haspc(cu, addr - *ret_bias) != 1) {
        cu = NULL;
        do {
            cu = dwfl_module_nextcu(module, cu, ret_bias);
        } while (cu && dwarf_haspc(cu, addr - *ret_bias) != 1);
    }
    return cu;
}

void symbols_at(uintptr_t pc, bool is_return, SymbolFunc *fn, void *opaque)
{
    Dwfl *dwfl = dwfl_of_process();
    Dwarf_Addr addr = pc - is_return, bias = 0;
    Dwfl_Module *module = dwfl ? dwfl_addrmodule(dwfl, addr) : NULL;
    Dwarf_Die *cu = module ? unit_at(module, addr, &bias) : NULL, *lexical = NULL, *scopes = NULL;
    Dwarf_Line *line = cu ? dwarf_getsrc_die(cu, addr - bias) : NULL;
    int number = 0, n = cu ? dwarf_getscopes(cu, addr - bias, &lexical) : 0;
    const char *file = line && dwarf_lineno(line, &number) == 0 ? dwarf_linesrc(line, NULL, NULL) : NULL;
    bool any = false;

    /*
     * The lexical scopes of an inlined function are those of its definition; its parents in the tree are the callers.
     */
    n = n > 0 ? dwarf_getscopes_die(&lexical[0], &scopes) : 0;
    for (int i = 0; i < n; i++) {
        int tag = dwarf_tag(&scopes[i]);

        if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine) {
            fn(die_name(&scopes[i]), any ? NULL : file, any ? 0 : number, opaque);
            any = true;
        }
        if (tag == DW_TAG_subprogram) {
            break;
        }
    }
    free(scopes);
    free(lexical);
    if (!any) {
        const char *name = module ? dwfl_module_addrname(module, addr) : NULL;

        fn(name ? name : "?", NULL, 0, opaque);
    }
}
