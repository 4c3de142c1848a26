/* Contexts of the MindSpore interface. */
#include "microgen_ms.h"

static struct {
    bool used;
    int mode;
} contexts[MICROGEN_MS_MAX_CONTEXTS];

/* The number of a context; MICROGEN_MS_MAX_CONTEXTS for what is none. */
static size_t find(const void *handle)
{
    size_t i = 0;
    while (i < MICROGEN_MS_MAX_CONTEXTS && (handle != &contexts[i] || !contexts[i].used)) {
        i++;
    }
    return i;
}

bool mg_ms_is_context(const void *handle)
{
    return find(handle) < MICROGEN_MS_MAX_CONTEXTS;
}

MSContextHandle MSContextCreate(void)
{
    for (size_t i = 0; i < MICROGEN_MS_MAX_CONTEXTS; i++) {
        if (!contexts[i].used) {
            contexts[i].used = true;
            contexts[i].mode = 0;
            return &contexts[i];
        }
    }
    return NULL;
}

void MSContextDestroy(MSContextHandle *context)
{
    if (context == NULL) {
        return;
    }
    const size_t i = find(*context);
    if (i < MICROGEN_MS_MAX_CONTEXTS) {
        contexts[i].used = false;
    }
    *context = NULL;
}

void MSContextSetThreadNum(MSContextHandle context, int32_t thread_num)
{
    (void)context;
    (void)thread_num;
}

int32_t MSContextGetThreadNum(const MSContextHandle context)
{
    return mg_ms_is_context(context) ? 1 : 0;
}

void MSContextSetThreadAffinityMode(MSContextHandle context, int mode)
{
    const size_t i = find(context);
    if (i < MICROGEN_MS_MAX_CONTEXTS) {
        contexts[i].mode = mode >= 0 && mode <= 2 ? mode : 0;
    }
}

int MSContextGetThreadAffinityMode(const MSContextHandle context)
{
    const size_t i = find(context);
    return i < MICROGEN_MS_MAX_CONTEXTS ? contexts[i].mode : 0;
}
