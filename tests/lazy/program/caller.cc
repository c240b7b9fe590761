#include "tests/lazy/program/libraries.h"

namespace caller {

double sum() {
    return late_sum(1, 2, 3.5, 4, 5, 6, 7, 8.25F, 9, 10, 11, 12, 13, 14, 15, 16, 17);
}
int format(char* text, unsigned long size) {
    return late_format(text, size, "%d %s %.2f", 42, "words", 1.5);
}
int (*address_of_loaded())() {
    return late_loaded;
}
int number() {
    return gone_number();
}

}  // namespace caller
