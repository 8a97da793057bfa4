#pragma once
/* Intrusive doubly linked list. */
#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};
static inline void list_init(struct list *head)
{
    head->prev = head->next = head;
}
static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}
static inline void list_add_tail(struct list *head, struct list *item)
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->prev = item->next = item;
}
#define list_entry(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define list_each(var, head) for (struct list *var = (head)->next; var != (head); var = var->next)
#define list_each_safe(var, tmp, head)                                                             \
    for (struct list *var = (head)->next, *tmp = var->next; var != (head); var = tmp, tmp = var->next)
