/* handlers.h: what the rows of the table of routes lead to. Each answers its call, now or later, exactly once. */
#ifndef ZAPORA_GATEWAY_HANDLERS_H
#define ZAPORA_GATEWAY_HANDLERS_H

struct call;

void board_get(struct call *call);           /* board.c */
void command_get(struct call *call);         /* commands.c */
void location_events_get(struct call *call); /* stream.c */
void login_post(struct call *call);          /* login.c */
void me_get(struct call *call);              /* login.c */
void menu_get(struct call *call);            /* menu.c */
void menu_item_get(struct call *call);       /* menu.c */
void order_events_get(struct call *call);    /* stream.c */
void order_get(struct call *call);           /* orders.c */
void order_post(struct call *call);          /* intake.c */
void orders_get(struct call *call);          /* listing.c */
void step_post(struct call *call);           /* intake.c */

#endif
