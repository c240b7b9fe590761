#include <cstdarg>
#include <cstdio>
#include <initializer_list>

#include "tests/lazy/program/libraries.h"

namespace {
int loaded = 0;
[[gnu::constructor]] void count() {
    ++loaded;
}
}  // namespace

int late_loaded() {
    return loaded;
}

double late_sum(int a, long b, double c, int d, int e, int f, int g, float h, int i, double j,
                double k, double l, double m, double n, double o, double p, double q) {
    double sum = 0, place = 1;
    for (const double part : {double(a), double(b), c, double(d), double(e), double(f), double(g),
                              double(h), double(i), j, k, l, m, n, o, p, q}) {
        sum += part * place;
        place += 1;
    }
    return sum;
}

int late_format(char* text, unsigned long size, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int length = std::vsnprintf(text, size, format, arguments);
    va_end(arguments);
    return length;
}
