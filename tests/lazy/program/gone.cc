#include "tests/lazy/program/libraries.h"

int gone_number() {
    return 7;
}
