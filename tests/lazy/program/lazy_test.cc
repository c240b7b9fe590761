#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>

#include "engine/error.h"
#include "engine/lazy_library.h"
#include "tests/lazy/program/libraries.h"

namespace lodge {
namespace {

bool is_loaded(const char* library) {
    void* handle = ::dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
    if (handle) ::dlclose(handle);
    return handle != nullptr;
}

TEST(LazyLibrary, IsLoadedByTheFirstCallAndOnce) {
    EXPECT_FALSE(is_loaded("liblodge_test_late.so"));
    EXPECT_EQ(caller::address_of_loaded()(), 1);
    EXPECT_TRUE(is_loaded("liblodge_test_late.so"));
    EXPECT_EQ(caller::address_of_loaded()(), 1);
}

TEST(LazyLibrary, GetsEveryArgument) {
    double expected = 3 * 3.5 + 8 * 8.25;
    for (int place = 1; place <= 17; ++place)
        if (place != 3 && place != 8) expected += place * place;
    EXPECT_EQ(caller::sum(), expected);
    EXPECT_EQ(caller::sum(), expected);
    for (int round = 0; round < 2; ++round) {
        std::array<char, 32> text{};
        EXPECT_EQ(caller::format(text.data(), text.size()), 13);
        EXPECT_STREQ(text.data(), "42 words 1.50");
    }
}

TEST(LazyLibrary, MissingIsToldToTheCaller) {
    for (int round = 0; round < 2; ++round)
        try {
            caller::number();
            FAIL() << "a library that is not there was called";
        } catch (const Error& error) {
            EXPECT_EQ(error.exit(), Exit::missing);
            EXPECT_STREQ(error.what(),
                         "cannot load the library liblodge_test_gone.so.7, which this needs "
                         "(liblodge_test_gone.so.7: cannot open shared object file: No such file "
                         "or directory): install it");
        }
}

TEST(LazyLibrary, NamesThePackage) {
    try {
        find_function({"libnowhere.so.3", "libnowhere3"}, "nothing");
        FAIL();
    } catch (const Error& error) {
        EXPECT_TRUE(std::string(error.what()).ends_with("): apt install libnowhere3"))
            << error.what();
    }
}

TEST(LazyLibrary, WithoutTheFunctionIsTooOld) {
    try {
        find_function({"libc.so.6", "libc6"}, "lodge_has_no_such_function");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.exit(), Exit::missing);
        EXPECT_TRUE(std::string(error.what())
                        .starts_with("the library libc.so.6 is older than the one Lodge was built"))
            << error.what();
    }
}

}  // namespace
}  // namespace lodge
