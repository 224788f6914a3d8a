/* accounts: owns who may log in.
 *
 * Called by the gateway and `zapora user`. Invariant: an email stands once, whatever its case. */
#include "trip.h"

enum zp_err store_account_add(struct store *store, const struct account *account)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    params_scope params;
    params_init(&params);
    params_rows_begin(&params, &store->types, SHAPE_ACCOUNT, 1);
    row_put(&store->types, SHAPE_ACCOUNT, account, &params.bytes);
    params_rows_end(&params);
    trip_add(&trip, STATEMENT_ACCOUNT_ADD, &params);
    err = trip_run(&trip);
    if (err == ZP_OK && trip_touched(&trip, 0) == 0) {
        err = connection_trouble(store, ZP_CONFLICT, "there is an account with this email already");
    }
    return err;
}

static enum zp_err get_account(struct store *store, enum statement_id statement, const struct params *params,
                               struct arena *arena, struct account *ret_account)
{
    trip_scope trip;
    enum zp_err err = trip_begin(&trip, store);
    if (err != ZP_OK) {
        return err;
    }
    trip_add(&trip, statement, params);
    err = trip_run(&trip);
    if (err != ZP_OK) {
        return err;
    }
    const PGresult *result = trip_result(&trip, 0);
    if (PQntuples(result) == 0) {
        return ZP_NOT_FOUND;
    }
    struct account account = { .disabled = true };
    err = trip_row(store, trip_field(result, 0, 0), SHAPE_ACCOUNT, arena, &account);
    if (err == ZP_OK) {
        *ret_account = account;
    }
    return err;
}

enum zp_err store_account_by_email(struct store *store, const char *email, struct arena *arena,
                                   struct account *ret_account)
{
    params_scope params;
    params_init(&params);
    params_text(&params, email);
    return get_account(store, STATEMENT_ACCOUNT_BY_EMAIL, &params, arena, ret_account);
}

enum zp_err store_account_by_id(struct store *store, const struct zp_id *id, struct arena *arena,
                                struct account *ret_account)
{
    params_scope params;
    params_init(&params);
    params_id(&params, id);
    return get_account(store, STATEMENT_ACCOUNT_BY_ID, &params, arena, ret_account);
}
