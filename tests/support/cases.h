#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

// Tests that are folders of text: <area>/cases/<name>/, a folder a test.

namespace lodge::cases {

inline std::filesystem::path folder(const std::string& area, const std::string& name = "") {
    return std::filesystem::path(TESTS_FOLDER) / area / "cases" / name;
}

inline std::vector<std::string> names(const std::string& area) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder(area)))
        if (entry.is_directory()) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
}

// As gtest wants a test called: letters, digits and _.
inline std::string test_name(const testing::TestParamInfo<std::string>& one) {
    std::string name = one.param;
    for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    return name;
}

inline std::string read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The file holds the text; no file is no text. UPDATE=1 makes it so.
inline void expect_file(const std::filesystem::path& path, const std::string& text) {
    if (std::getenv("UPDATE") != nullptr) {
        if (text.empty())
            std::filesystem::remove(path);
        else
            std::ofstream(path, std::ios::binary) << text;
        return;
    }
    EXPECT_EQ(read(path), text) << path;
}

}  // namespace lodge::cases
