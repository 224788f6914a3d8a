/* problems: renders problem documents.
 *
 * Called by answer.c and by early.c. Invariant: type, status and title come from the one table of errors, so a
 * refusal looks the same wherever it was made. */
#include "problems.h"

#include "zapora/message.h"

#include <string.h>

static void put_fault(const struct reason *fault, struct buffer *out)
{
    buffer_putc(out, '{');
    if (fault->pointer != NULL) {
        bool parameter = fault->pointer[0] == '?';
        buffer_puts(out, parameter ? "\"parameter\":" : "\"pointer\":");
        json_put_string(out, fault->pointer + (parameter ? 1 : 0));
        buffer_putc(out, ',');
    }
    buffer_puts(out, "\"code\":");
    json_put_string(out, fault->code);
    if (fault->detail != NULL) {
        buffer_puts(out, ",\"detail\":");
        json_put_string(out, fault->detail);
    }
    buffer_putc(out, '}');
}

static void put_errors(const struct problem *problem, struct buffer *out)
{
    if (problem->errors_json != NULL) {
        buffer_puts(out, ",\"errors\":");
        buffer_append(out, problem->errors_json, problem->errors_json_len);
    } else if (problem->fault_count > 0) {
        buffer_puts(out, ",\"errors\":[");
        for (size_t i = 0; i < problem->fault_count; i++) {
            if (i > 0) {
                buffer_putc(out, ',');
            }
            put_fault(&problem->faults[i], out);
        }
        buffer_putc(out, ']');
    }
}

void problem_json(const struct problem *problem, struct buffer *out)
{
    buffer_puts(out, "{\"type\":");
    json_put_string(out, zp_err_problem_type(problem->err));
    buffer_puts(out, ",\"title\":");
    json_put_string(out, zp_err_title(problem->err));
    buffer_puts(out, ",\"status\":");
    buffer_put_int(out, zp_err_http_status(problem->err));
    if (problem->detail != NULL) {
        buffer_puts(out, ",\"detail\":");
        json_put_string(out, problem->detail);
    }
    buffer_puts(out, ",\"request_id\":");
    json_put_string(out, problem->request_id);
    put_errors(problem, out);
    buffer_putc(out, '}');
}

const char *status_reason(int status)
{
    static const struct { int status; const char *reason; } rows[] = {
        { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 304, "Not Modified" }, { 400, "Bad Request" },
        { 401, "Unauthorized" }, { 403, "Forbidden" }, { 404, "Not Found" }, { 405, "Method Not Allowed" },
        { 409, "Conflict" }, { 412, "Precondition Failed" }, { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" }, { 422, "Unprocessable Content" }, { 429, "Too Many Requests" },
        { 500, "Internal Server Error" }, { 503, "Service Unavailable" }, { 504, "Gateway Timeout" },
    };
    for (size_t i = 0; i < ZP_COUNT(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].reason;
        }
    }
    return "Unknown";
}
