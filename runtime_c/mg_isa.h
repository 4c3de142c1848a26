/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which flavour of the kernels is compiled: exactly one of MG_PORTABLE, MG_DSP and MG_MVE is 1.
 *
 * The generated microgen_nn.h sets MG_ISA_LIMIT to the instruction set that the arena was planned for: 0 for
 * plain C, 1 for the DSP extension (Cortex-M4, M7, M33), 2 for Helium (Cortex-M55, M85). A compiler that does
 * not offer it falls back to plain C, which needs no more scratch than the others.
 *
 * A kernel X.c may have flavours X_dsp.c and X_mve.c beside it; each file compiles to nothing where another
 * one serves. MG_EMULATE_DSP gives the DSP flavour on a host, over plain C definitions of the instructions.
 */
#ifndef MG_ISA_H
#define MG_ISA_H

#ifndef MG_ISA_LIMIT
#define MG_ISA_LIMIT 0
#endif

#if MG_ISA_LIMIT == 2 && defined(__ARM_FEATURE_MVE)
#define MG_MVE 1
#else
#define MG_MVE 0
#endif

#if MG_ISA_LIMIT == 1 && (defined(__ARM_FEATURE_DSP) || defined(MG_EMULATE_DSP))
#define MG_DSP 1
#else
#define MG_DSP 0
#endif

#if MG_MVE || MG_DSP
#define MG_PORTABLE 0
#else
#define MG_PORTABLE 1
#endif

#endif
