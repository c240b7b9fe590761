#pragma once

#include <string>

#include "engine/process.h"
#include "engine/storage/storage.h"
#include "tests/support/scratch.h"

namespace lodge {

// The real qemu-img, as a person would call it.
inline std::string qemu_img(std::vector<std::string> words) {
    Program program;
    program.argv = {"/usr/bin/qemu-img"};
    for (std::string& word : words)
        program.argv.push_back(std::move(word));
    return run_checked(program, std::chrono::seconds(60), "qemu-img");
}

// The words of the Error that `call` throws; "" when it throws none.
template <class Call>
std::string words_of_error(Call call) {
    try {
        call();
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

inline void replace_all(std::string& text, const std::string& from, const std::string& to) {
    for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
}

}  // namespace lodge
