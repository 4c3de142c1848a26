/* Everything that an application can do wrong, and what it is told. For a network "net" with one int8 input "x" of 9
 * elements and the outputs "out" (int8, [1, 9]) and "sums" (int16, [2]); run with sanitizers on the host. */
#include <stdio.h>
#include <string.h>

#include "model_handle.h"

static int failures;

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            printf("line %d: %s\n", __LINE__, #condition);                                                             \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

static uint8_t memory[NET_MS_WORKSPACE_BYTES + 32];
static int8_t sample[9] = {1, -2, 3, -4, 5, -6, 7, -8, 9};
static const int64_t nine[] = {9};

static void pointers_and_names(void)
{
    int stranger = 0;
    MSModelHandle model = MSModelCreate();
    MSTensorHandleArray none = MSModelGetInputs(NULL);
    MSTensorHandleArray inputs = MSModelGetInputs(model);
    MSTensorHandleArray outputs = MSModelGetOutputs(model);
    CHECK(model != NULL && model == model0);
    CHECK(none.handle_num == 0 && none.handle_list == NULL);
    CHECK(inputs.handle_num == 1 && outputs.handle_num == 2);
    CHECK(MSModelCalcWorkspaceSize(NULL) == 0 && MSModelCalcWorkspaceSize(&stranger) == 0);
    CHECK(MSModelCalcWorkspaceSize(model) == NET_MS_WORKSPACE_BYTES);
    MSModelSetWorkspace(NULL, memory, sizeof memory);
    CHECK(MSModelBuild(NULL, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusLiteParamInvalid);
    CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeInvalid, NULL) == kMSStatusLiteNotSupport);
    CHECK(MSModelBuild(model, memory, 4, kMSModelTypeMindIR, NULL) == kMSStatusLiteInputParamInvalid);
    CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, &stranger) == kMSStatusLiteParamInvalid);
    CHECK(MSModelPredict(NULL, inputs, &outputs, NULL, NULL) == kMSStatusLiteNullptr);
    CHECK(MSModelPredict(&stranger, inputs, &outputs, NULL, NULL) == kMSStatusLiteNullptr);
    CHECK(MSModelGetInputByTensorName(model, "x") == inputs.handle_list[0]);
    CHECK(MSModelGetOutputByTensorName(model, "out") == outputs.handle_list[0]);
    CHECK(MSModelGetOutputByTensorName(model, "sums") == outputs.handle_list[1]);
    CHECK(MSModelGetInputByTensorName(model, "out") == NULL && MSModelGetOutputByTensorName(model, "x") == NULL);
    CHECK(MSModelGetInputByTensorName(model, "") == NULL && MSModelGetInputByTensorName(model, NULL) == NULL);
    CHECK(MSModelGetInputByTensorName(NULL, "x") == NULL && MSModelGetOutputByTensorName(&stranger, "out") == NULL);
    CHECK(MSModelRunStep(model, NULL, NULL) == kMSStatusLiteNotSupport);
    CHECK(MSModelSetTrainMode(model, true) == kMSStatusLiteNotSupport);
    CHECK(MSModelExportWeight(model, "weights") == kMSStatusLiteNotSupport);
    CHECK(MSModelBuildFromFile(model, "net.ms", kMSModelTypeMindIR, NULL) == kMSStatusLiteNotSupport);
    MSModelDestroy(NULL);
    MSModelHandle other = &stranger;
    MSModelDestroy(&other);
    CHECK(other == NULL && stranger == 0);
}

static void workspaces(void)
{
    MSModelHandle model = MSModelCreate();
    MSTensorHandleArray inputs = MSModelGetInputs(model);
    MSTensorHandleArray outputs = MSModelGetOutputs(model);
    CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusLiteMemoryFailed);
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) == kMSStatusLiteUninitializedObj);
    CHECK(MSTensorGetMutableData(inputs.handle_list[0]) == NULL && MSTensorGetData(inputs.handle_list[0]) == NULL);
    CHECK(MSTensorGetMutableData(outputs.handle_list[0]) == NULL && MSTensorGetData(outputs.handle_list[0]) == NULL);
    MSModelSetWorkspace(model, NULL, sizeof memory);
    CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusLiteMemoryFailed);
    MSModelSetWorkspace(model, memory, 15);
    CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusLiteMemoryFailed);
    /* What is asked for is enough at every address, and one byte less is not, at the worst. */
    int refused = 0;
    for (size_t i = 0; i < 16; i++) {
        MSModelSetWorkspace(model, memory + i, NET_MS_WORKSPACE_BYTES);
        CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusSuccess);
        CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusLiteModelRebuild);
        CHECK((uintptr_t)MSTensorGetMutableData(inputs.handle_list[0]) % 16 == 0);
        MSModelSetWorkspace(model, memory + i, NET_MS_WORKSPACE_BYTES - 1);
        refused += MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusLiteMemoryFailed;
    }
    CHECK(refused == 1);
    /* A good workspace that is replaced by a bad one is not used any more. */
    MSModelSetWorkspace(model, memory, sizeof memory);
    MSModelSetWorkspace(model, memory, 1);
    CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusLiteMemoryFailed);
    MSModelDestroy(&model);
}

static MSModelHandle built(void)
{
    MSModelHandle model = MSModelCreate();
    MSModelSetWorkspace(model, memory, sizeof memory);
    CHECK(MSModelBuild(model, NULL, 0, kMSModelTypeMindIR, NULL) == kMSStatusSuccess);
    return model;
}

static bool callback(const MSTensorHandleArray inputs, const MSTensorHandleArray outputs, const MSCallBackParamC info)
{
    (void)inputs;
    (void)outputs;
    (void)info;
    return true;
}

static void inputs_and_outputs(void)
{
    MSModelHandle model = built();
    MSTensorHandleArray inputs = MSModelGetInputs(model);
    MSTensorHandleArray outputs = MSModelGetOutputs(model);
    MSTensorHandle in = inputs.handle_list[0];
    MSTensorHandle out = outputs.handle_list[0];
    int8_t first[9], small[3];
    int16_t sums[2];

    /* No data yet; wrong numbers of tensors; no place for outputs; callbacks without hooks. */
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    CHECK(MSTensorGetData(in) == NULL && MSTensorGetData(out) == NULL);
    MSTensorSetData(in, sample);
    CHECK(MSTensorGetData(in) == sample && MSTensorGetMutableData(in) == sample);
    MSTensorHandleArray wrong = {0, NULL};
    CHECK(MSModelPredict(model, wrong, &outputs, NULL, NULL) == kMSStatusLiteParamInvalid);
    wrong.handle_num = 1;
    CHECK(MSModelPredict(model, wrong, &outputs, NULL, NULL) == kMSStatusLiteParamInvalid);
    CHECK(MSModelPredict(model, outputs, &outputs, NULL, NULL) == kMSStatusLiteParamInvalid);
    CHECK(MSModelPredict(model, inputs, &inputs, NULL, NULL) == kMSStatusLiteParamInvalid);
    CHECK(MSModelPredict(model, inputs, NULL, NULL, NULL) == kMSStatusLiteNullptr);
    CHECK(MSModelPredict(model, inputs, &outputs, callback, NULL) == kMSStatusLiteNotSupport);
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, callback) == kMSStatusLiteNotSupport);

    /* Right, again without touching the input, and into an array that is filled in. */
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) == kMSStatusSuccess);
    memcpy(first, MSTensorGetData(out), sizeof first);
    memcpy(sums, MSTensorGetData(outputs.handle_list[1]), sizeof sums);
    MSTensorHandleArray filled = {0, NULL};
    CHECK(MSModelPredict(model, inputs, &filled, NULL, NULL) == kMSStatusSuccess);
    CHECK(filled.handle_num == 2 && filled.handle_list == outputs.handle_list);
    CHECK(memcmp(MSTensorGetData(out), first, 9) == 0 && sums[0] == 5 && sums[1] == 1);
    CHECK(MSTensorGetMutableData(out) == MSTensorGetData(out));

    /* The network's own place keeps its data, too. */
    MSTensorSetData(in, NULL);
    CHECK(MSTensorGetData(in) == NULL);
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    memcpy(MSTensorGetMutableData(in), sample, sizeof sample);
    for (int i = 0; i < 3; i++) {
        CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) ==
              (IN_PLACE && i != 0 ? kMSStatusLiteInputTensorError : kMSStatusSuccess));
        CHECK(memcmp(MSTensorGetData(out), first, 9) == 0);
    }
    MSTensorSetData(in, sample);

    /* An output of the application's own. */
    int8_t mine[9] = {0};
    MSTensorSetData(out, mine);
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) == kMSStatusSuccess);
    CHECK(memcmp(mine, first, 9) == 0 && MSTensorGetData(out) == mine);
    MSTensorSetData(out, NULL);
    CHECK(memcmp(MSTensorGetData(out), first, 9) == 0);

    /* Tensors of the application's: of another size, type, shape, without data, destroyed, and right. */
    MSTensorHandle list[1];
    MSTensorHandleArray own = {1, list};
    const int64_t three[] = {3}, square[] = {3, 3};
    list[0] = MSTensorCreate("mine", kMSDataTypeNumberTypeInt8, three, 1, small, sizeof small);
    CHECK(MSModelPredict(model, own, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    MSTensorDestroy(&list[0]);
    list[0] = MSTensorCreate("mine", kMSDataTypeNumberTypeUInt8, nine, 1, sample, 9);
    CHECK(MSModelPredict(model, own, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    MSTensorDestroy(&list[0]);
    list[0] = MSTensorCreate("mine", kMSDataTypeNumberTypeInt8, square, 2, sample, 9);
    CHECK(MSModelPredict(model, own, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    MSTensorSetShape(list[0], nine, 1);
    CHECK(MSModelPredict(model, own, &outputs, NULL, NULL) == kMSStatusSuccess);
    MSTensorSetData(list[0], NULL);
    CHECK(MSTensorGetMutableData(list[0]) == NULL);
    CHECK(MSModelPredict(model, own, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    MSTensorHandle stale = list[0];
    MSTensorDestroy(&list[0]);
    CHECK(list[0] == NULL);
    CHECK(MSModelPredict(model, own, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    list[0] = stale;
    CHECK(MSModelPredict(model, own, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    CHECK(MSTensorGetName(stale) == NULL && MSTensorGetDataSize(stale) == 0 && MSTensorGetShape(stale, NULL) == NULL);
    MSTensorDestroy(&stale);
    MSTensorDestroy(&stale);
    MSTensorDestroy(NULL);

    /* Outputs of the application's. */
    const int64_t row[] = {1, 9};
    MSTensorHandle results[2] = {MSTensorCreate("result", kMSDataTypeNumberTypeInt8, row, 2, NULL, 0),
                                 outputs.handle_list[1]};
    MSTensorHandleArray into = {2, results};
    CHECK(MSModelPredict(model, inputs, &into, NULL, NULL) == kMSStatusLiteParamInvalid);
    memset(mine, 0, sizeof mine);
    MSTensorSetData(results[0], mine);
    CHECK(MSModelPredict(model, inputs, &into, NULL, NULL) == kMSStatusSuccess && memcmp(mine, first, 9) == 0);
    MSTensorDestroy(&results[0]);

    /* The network's tensors cannot be given away, renamed or used as something else. */
    MSTensorHandle kept = in;
    MSTensorDestroy(&kept);
    MSTensorSetName(in, "y");
    CHECK(strcmp(MSTensorGetName(in), "x") == 0);
    MSTensorSetDataType(in, kMSDataTypeNumberTypeFloat32);
    CHECK(MSTensorGetDataSize(in) == 36);
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    MSTensorSetDataType(in, kMSDataTypeNumberTypeInt8);
    MSTensorSetShape(in, three, 1);
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) == kMSStatusLiteInputTensorError);
    MSTensorSetShape(in, nine, 1);
    CHECK(MSModelPredict(model, inputs, &outputs, NULL, NULL) == kMSStatusSuccess);

    /* Destroyed: the network forgets, and can be had again. */
    MSModelHandle copy = model;
    MSModelDestroy(&model);
    CHECK(model == NULL);
    MSModelDestroy(&model);
    CHECK(MSModelPredict(copy, inputs, &outputs, NULL, NULL) == kMSStatusLiteUninitializedObj);
    MSModelDestroy(&copy);
    model = built();
    CHECK(MSTensorGetData(in) == NULL && MSTensorGetData(out) == NULL);
    MSModelDestroy(&model);
}

static void resizing(void)
{
    MSModelHandle model = built();
    MSTensorHandleArray inputs = MSModelGetInputs(model), none = {0, NULL};
    MSShapeInfo shape = {1, {9}};
    CHECK(MSModelResize(model, inputs, &shape, 1) == kMSStatusSuccess);
    CHECK(MSModelResize(NULL, inputs, &shape, 1) == kMSStatusLiteNullptr);
    CHECK(MSModelResize(model, inputs, NULL, 1) == kMSStatusLiteNullptr);
    CHECK(MSModelResize(model, none, &shape, 1) == kMSStatusLiteNullptr);
    CHECK(MSModelResize(model, inputs, &shape, 2) == kMSStatusLiteParamInvalid);
    shape.shape[0] = 18;
    CHECK(MSModelResize(model, inputs, &shape, 1) == kMSStatusLiteNotSupport);
    shape.shape_num = 33;
    CHECK(MSModelResize(model, inputs, &shape, 1) == kMSStatusLiteParamInvalid);
    MSModelDestroy(&model);
}

static void tensors(void)
{
    const int64_t huge[] = {INT64_MAX, INT64_MAX}, negative[] = {-1, 9}, five[] = {1, 1, 1, 1, 9};
    const int64_t square[] = {3, 3};
    size_t rank = 7;
    CHECK(MSTensorCreate(NULL, kMSDataTypeNumberTypeInt8, nine, 1, sample, 9) == NULL);
    CHECK(MSTensorCreate("a name of more than thirty-one letters", kMSDataTypeNumberTypeInt8, nine, 1, sample, 9) ==
          NULL);
    CHECK(MSTensorCreate("t", kMSDataTypeUnknown, nine, 1, sample, 9) == NULL);
    CHECK(MSTensorCreate("t", kMSDataTypeNumberTypeInt8, nine, 1, sample, 8) == NULL);
    CHECK(MSTensorCreate("t", kMSDataTypeNumberTypeInt16, nine, 1, sample, 9) == NULL);
    CHECK(MSTensorCreate("t", kMSDataTypeNumberTypeInt8, NULL, 1, sample, 9) == NULL);
    CHECK(MSTensorCreate("t", kMSDataTypeNumberTypeInt8, huge, 2, sample, 9) == NULL);
    CHECK(MSTensorCreate("t", kMSDataTypeNumberTypeInt8, negative, 2, sample, 9) == NULL);
    CHECK(MSTensorCreate("t", kMSDataTypeNumberTypeInt8, five, 5, sample, 9) == NULL);
    MSTensorHandle found[5];
    for (int i = 0; i < 5; i++) {
        found[i] = MSTensorCreate("t", kMSDataTypeNumberTypeInt8, nine, 1, sample, 9);
    }
    CHECK(found[3] != NULL && found[4] == NULL);
    for (int i = 1; i < 4; i++) {
        MSTensorDestroy(&found[i]);
    }
    MSTensorHandle tensor = found[0];
    CHECK(strcmp(MSTensorGetName(tensor), "t") == 0 && MSTensorGetElementNum(tensor) == 9);
    CHECK(MSTensorGetFormat(tensor) == kMSFormatNHWC);
    MSTensorSetFormat(tensor, kMSFormatNCHW);
    MSTensorSetName(tensor, "renamed");
    MSTensorSetShape(tensor, square, 2);
    CHECK(MSTensorGetFormat(tensor) == kMSFormatNCHW && strcmp(MSTensorGetName(tensor), "renamed") == 0);
    CHECK(MSTensorGetShape(tensor, &rank)[1] == 3 && rank == 2 && MSTensorGetDataSize(tensor) == 9);
    MSTensorSetShape(tensor, huge, 2);
    CHECK(MSTensorGetElementNum(tensor) == 0 && MSTensorGetDataSize(tensor) == 0);
    MSTensorSetShape(tensor, nine, 1);
    MSTensorHandle clone = MSTensorClone(tensor);
#if MICROGEN_MS_CLONE_BYTES >= 9
    CHECK(clone != NULL && MSTensorGetData(clone) != sample && memcmp(MSTensorGetData(clone), sample, 9) == 0);
    CHECK(strcmp(MSTensorGetName(clone), "renamed") == 0);
    MSTensorDestroy(&clone);
#else
    CHECK(clone == NULL);
#endif
    CHECK(MSTensorClone(NULL) == NULL && MSTensorGetDataType(NULL) == kMSDataTypeUnknown);
    MSTensorSetShape(NULL, nine, 1);
    MSTensorSetData(NULL, sample);
    CHECK(MSTensorGetElementNum(NULL) == 0 && MSTensorGetMutableData(NULL) == NULL);
    MSTensorDestroy(&tensor);
}

static void contexts(void)
{
    MSContextHandle first = MSContextCreate(), second = MSContextCreate();
    CHECK(first != NULL && second != NULL && MSContextCreate() == NULL);
    MSContextSetThreadNum(first, 4);
    CHECK(MSContextGetThreadNum(first) == 1 && MSContextGetThreadNum(NULL) == 0);
    MSContextSetThreadAffinityMode(first, 2);
    CHECK(MSContextGetThreadAffinityMode(first) == 2 && MSContextGetThreadAffinityMode(second) == 0);
    MSContextSetThreadAffinityMode(first, 3);
    CHECK(MSContextGetThreadAffinityMode(first) == 0 && MSContextGetThreadAffinityMode(NULL) == 0);
    MSContextHandle copy = first;
    MSContextDestroy(&first);
    MSContextDestroy(&first);
    MSContextDestroy(&copy);
    MSContextDestroy(NULL);
    CHECK(first == NULL && MSContextCreate() != NULL);
    MSContextDestroy(&second);
}

int main(void)
{
    pointers_and_names();
    workspaces();
    inputs_and_outputs();
    resizing();
    tensors();
    contexts();
    printf("%d failures\n", failures);
    return failures != 0;
}
