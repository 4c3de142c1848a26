/* Private to the MindSpore interface: what its files share. Applications include "c_api/model_c.h". */
#ifndef MICROGEN_MS_H
#define MICROGEN_MS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../include/c_api/model_c.h"
#include "microgen_ms_limits.h"

/* What an input or output of a network is. */
typedef struct {
    const char *name;
    MSDataType type;
    const int64_t *shape;
    size_t rank;
    size_t bytes;
    size_t kept; /* of an input: where in the workspace its data survives an inference */
} mg_ms_port;

/* A network: `hooks` tells whether it calls before and after each layer, `keeps` whether it has states between
 * inferences, `apart` whether these lie where no other network writes that works in the same workspace; sizes in bytes;
 * `ports` are the inputs, then the outputs. `memory` is the workspace that the program brings along, NULL without one.
 * The functions are those of the network's own interface. */
typedef struct {
    bool hooks;
    bool keeps;
    bool apart;
    size_t arena_bytes;
    size_t alignment;
    size_t workspace_bytes;
    size_t inputs;
    size_t outputs;
    const mg_ms_port *ports;
    void *memory;
    size_t memory_bytes;
    int (*init)(void *arena, size_t arena_bytes);
    void *(*input)(int index);
    const void *(*output)(int index);
    int (*invoke)(void);
} mg_ms_network;

typedef struct mg_ms_model mg_ms_model;

typedef enum {
    MG_MS_OWN,  /* the application's */
    MG_MS_PORT, /* an input or output of a network: has a model */
    MG_MS_LAYER /* of a layer, while a callback runs */
} mg_ms_kind;

/* A tensor; a slot is in use when `name` is set. */
typedef struct {
    const char *name;
    mg_ms_kind kind;
    mg_ms_model *model;
    size_t index; /* in the model's ports */
    MSDataType type;
    MSFormat format;
    size_t rank;
    int64_t shape[MICROGEN_MS_MAX_RANK];
    void *data;  /* what the application set */
    bool filled; /* of a model's input: its place in the workspace was handed out to be written, and still holds that */
} mg_ms_tensor;

typedef enum {
    MG_MS_NONE, /* not computed yet */
    MG_MS_VALID,
    MG_MS_LOST /* overwritten by another network */
} mg_ms_results;

/* A model: all that changes of it. `tensors` and `handles` are the inputs, then the outputs. */
struct mg_ms_model {
    const mg_ms_network *network;
    mg_ms_tensor *tensors;
    MSTensorHandle *handles;
    uint8_t *workspace; /* aligned; NULL without one */
    bool ready;         /* the tensors are set up */
    bool built;
    bool running;
    mg_ms_results results;
    MSKernelCallBackC before; /* while it runs */
    MSKernelCallBackC after;
};

extern mg_ms_model mg_ms_models[MICROGEN_MS_MODELS];

/* The model or tensor of a handle; NULL for what is none. */
mg_ms_model *mg_ms_find_model(const void *handle);
mg_ms_tensor *mg_ms_find_tensor(const void *handle);
mg_ms_tensor *mg_ms_find_layer_tensor(const void *handle);

/* The context of a handle exists. */
bool mg_ms_is_context(const void *handle);

/* Bytes of one element; 0 for a type without a size. */
size_t mg_ms_element_bytes(MSDataType type);

/* Where a model's own tensor has its data unless the application set a place. */
void *mg_ms_own_data(const mg_ms_tensor *tensor);

/* The shape is that of the port. */
bool mg_ms_same_shape(const mg_ms_port *port, const int64_t *shape, size_t rank);

/* Two pieces of memory have a byte in common. */
bool mg_ms_overlap(const void *a, size_t a_bytes, const void *b, size_t b_bytes);

/* Networks that work in the memory of this one lose their inputs and results, and must be built again when they lose
 * their states. */
void mg_ms_claim(const mg_ms_model *model);

#ifdef MICROGEN_MS_HOOKS
/* A tensor of the layer that runs, for a callback: its number in the layer, its name, its elements' C type as text. */
void mg_ms_layer_tensor(size_t number, const char *name, const char *type, const int *shape, int rank, void *data);

/* The array of `count` of them from `first` on, and their end. */
MSTensorHandleArray mg_ms_layer_tensors(size_t first, size_t count);
void mg_ms_end_layer(void);
#endif

#endif
