/* wraps_rebuild: the doors of the database's room that only a rebuild goes through. */
#include "wraps.h"

#include "zapora/store.h"

WRAP_FAKE(enum zp_err, store_shadow_begin, (struct store *store), (store), ZP_BUSY)
WRAP_FAKE(enum zp_err, store_migrate, (struct store *store, const char *dir, bool plan, FILE *out),
          (store, dir, plan, out), ZP_BUSY)
WRAP_FAKE(enum zp_err, store_shadow_compare, (struct store *store,
                                              struct store_shadow_table ret_tables[STORE_SHADOW_TABLES_MAX],
                                              size_t *ret_count),
          (store, ret_tables, ret_count), ZP_BUSY)

/* Two points: the connection may be lost before the swap, or after it, when nobody knows whether it was done. */
enum zp_err __real_store_shadow_swap(struct store *store);
FITS(store_shadow_swap)
enum zp_err __wrap_store_shadow_swap(struct store *store);
enum zp_err __wrap_store_shadow_swap(struct store *store)
{
    bool fails = TORTURE_FAILS("store_shadow_swap, before it");
    bool lost = !fails && TORTURE_FAILS("store_shadow_swap, after it");
    torture_pause();
    enum zp_err err = fails ? ZP_BUSY : __real_store_shadow_swap(store);
    torture_resume();
    return lost ? ZP_BUSY : err;
}
