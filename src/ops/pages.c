/* pages: renders /livez, /readyz and /metrics.
 *
 * Called by ops.c on its thread. Invariant: a role is ready when it does not drain and every vital check passes;
 * what is not vital is shown as degraded and changes nothing. */
#include "pages.h"

#define WHY_SIZE 256

static void page_init(struct page *page, int status, const char *type)
{
    page->status = status;
    page->type = type;
    buffer_init(&page->body, PAGE_BYTES_MAX);
}

void page_line(struct page *page, int status, const char *line)
{
    page_init(page, status, "text/plain; charset=utf-8");
    buffer_printf(&page->body, "%s\n", line);
}

void page_metrics(struct page *page)
{
    page_init(page, 200, "text/plain; version=0.0.4");
    metrics_print(&page->body);
}

/* One line for a check, in the form that Kubernetes' own servers have made known. */
static bool check_passes(struct buffer *out, const struct ops_check *check)
{
    char why[WHY_SIZE] = "";
    if (check->check(check->arg, why, sizeof(why))) {
        buffer_printf(out, "[+]%s ok\n", check->name);
        return true;
    }
    buffer_printf(out, "[-]%s %s: %s\n", check->name, check->vital ? "failed" : "degraded", why);
    return !check->vital;
}

void page_checks(struct page *page, const char *name, const struct ops_check *checks, size_t count, bool draining,
                 bool verbose)
{
    bool well = !draining;
    page_init(page, 200, "text/plain; charset=utf-8");
    for (size_t i = 0; i < count; i++) {
        well = check_passes(&page->body, &checks[i]) && well; /* all of them: the reader wants the whole picture */
    }
    if (draining) {
        buffer_puts(&page->body, "[-]draining: the role is being shut down\n");
    }
    if (well && !verbose) {
        buffer_reset(&page->body);
        buffer_puts(&page->body, "ok\n");
        return;
    }
    page->status = well ? 200 : 503;
    buffer_printf(&page->body, "%s check %s\n", name, well ? "passed" : "failed");
}
