#pragma once

// What the two libraries have.
extern "C" {
int late_loaded();  // how often it was loaded
// Takes arguments of every kind and number that a register or the stack can carry.
double late_sum(int a, long b, double c, int d, int e, int f, int g, float h, int i, double j,
                double k, double l, double m, double n, double o, double p, double q);
int late_format(char* text, unsigned long size, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
int gone_number();
}

// What the test calls instead of them: as our static libraries do, it calls from an archive.
namespace caller {
double sum();
int format(char* text, unsigned long size);
int (*address_of_loaded())();
int number();
}  // namespace caller
