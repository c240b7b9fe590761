// Stands in for the functions of libraries that are loaded when first called
// (engine/lazy_library.h). lazy_calls.inc is made by the script lazy_calls when Lodge is linked: a
// line for each function that Lodge calls of such a library. Here each gets a jump through a slot;
// the slot leads to lodge_lazy_first, which finds the function, writes it into the slot and goes on
// to it. Only for x86-64; elsewhere, and with the sanitizers, the libraries are linked as usual.

#include <array>
#include <atomic>

#include "engine/lazy_library.h"

namespace {

constexpr lodge::LazyLibrary libraries[] = {
#define LODGE_LAZY_LIBRARY(file, package) {file, package},
#define LODGE_LAZY_CALL(index, library, name)
#include <lazy_calls.inc>
#undef LODGE_LAZY_LIBRARY
#undef LODGE_LAZY_CALL
};

struct Call {
    const lodge::LazyLibrary* library;
    const char* name;
};
constexpr Call calls[] = {
#define LODGE_LAZY_LIBRARY(file, package)
#define LODGE_LAZY_CALL(index, library, name) {&libraries[library], #name},
#include <lazy_calls.inc>
#undef LODGE_LAZY_LIBRARY
#undef LODGE_LAZY_CALL
};

}  // namespace

extern "C" {
extern std::array<std::atomic<void*>, std::size(calls)> lodge_lazy_slots;
[[gnu::used]] void* lodge_lazy_find(size_t index);
}

// Called by lodge_lazy_first. What it throws goes through the frames below to the caller.
void* lodge_lazy_find(size_t index) {
    void* function = lodge::find_function(*calls[index].library, calls[index].name);
    lodge_lazy_slots[index] = function;
    return function;
}

// %r11 has the index, and every register that may carry an argument is kept over the search (System
// V ABI for x86-64, 3.2.3; %al counts the vector registers of a variadic call).
asm(R"(
    .text
    .type lodge_lazy_first, @function
lodge_lazy_first:
    .cfi_startproc
    push %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    mov %rsp, %rbp
    .cfi_def_cfa_register %rbp
    sub $192, %rsp
    mov %rdi, -8(%rbp)
    mov %rsi, -16(%rbp)
    mov %rdx, -24(%rbp)
    mov %rcx, -32(%rbp)
    mov %r8, -40(%rbp)
    mov %r9, -48(%rbp)
    mov %rax, -56(%rbp)
    movaps %xmm0, -80(%rbp)
    movaps %xmm1, -96(%rbp)
    movaps %xmm2, -112(%rbp)
    movaps %xmm3, -128(%rbp)
    movaps %xmm4, -144(%rbp)
    movaps %xmm5, -160(%rbp)
    movaps %xmm6, -176(%rbp)
    movaps %xmm7, -192(%rbp)
    mov %r11, %rdi
    call lodge_lazy_find
    mov %rax, %r11
    movaps -80(%rbp), %xmm0
    movaps -96(%rbp), %xmm1
    movaps -112(%rbp), %xmm2
    movaps -128(%rbp), %xmm3
    movaps -144(%rbp), %xmm4
    movaps -160(%rbp), %xmm5
    movaps -176(%rbp), %xmm6
    movaps -192(%rbp), %xmm7
    mov -8(%rbp), %rdi
    mov -16(%rbp), %rsi
    mov -24(%rbp), %rdx
    mov -32(%rbp), %rcx
    mov -40(%rbp), %r8
    mov -48(%rbp), %r9
    mov -56(%rbp), %rax
    leave
    .cfi_def_cfa %rsp, 8
    jmp *%r11
    .cfi_endproc
    .size lodge_lazy_first, . - lodge_lazy_first

    .macro lodge_lazy_call name, index
    .text
    .hidden \name
    .globl \name
    .type \name, @function
\name:
    .cfi_startproc
    endbr64
    jmp *lodge_lazy_slots + 8 * \index (%rip)
lodge_lazy_first_\index:
    endbr64
    mov $\index, %r11d
    jmp lodge_lazy_first
    .cfi_endproc
    .size \name, . - \name
    .section .data.lodge_lazy, "aw"
    .quad lodge_lazy_first_\index
    .endm

    .section .data.lodge_lazy, "aw"
    .balign 8
    .globl lodge_lazy_slots
    .hidden lodge_lazy_slots
    .type lodge_lazy_slots, @object
lodge_lazy_slots:
)"
#define LODGE_LAZY_LIBRARY(file, package)
#define LODGE_LAZY_CALL(index, library, name) "lodge_lazy_call " #name ", " #index "\n"
#include <lazy_calls.inc>
    ".text\n");
