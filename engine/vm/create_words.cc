#include "engine/vm/create_words.h"

#include <algorithm>

#include "engine/error.h"
#include "engine/store.h"
#include "engine/units.h"

namespace lodge {
namespace {

bool is_word_of_ours(std::string_view key) {
    static constexpr std::string_view words[] = {
        "disk", "iso",  "image",   "import",   "bridge",  "net",    "uefi",
        "tpm",  "user", "ssh-key", "password", "storage", "format", "start"};
    return std::find(std::begin(words), std::end(words), key) != std::end(words);
}

}  // namespace

Taste taste_of(std::string_view ostype) {
    if (ostype == "l26") return {"q35", "scsi", "virtio", "virtio-scsi-single", true, true};
    if (ostype == "win10" || ostype == "win11")
        return {"q35", "sata", "e1000e", "virtio-scsi-single", false, false};
    return {"pc", "ide", "e1000", "", false, false};
}

Values sort_create_words(const Values& given) {
    Values words = given;
    words.erase("values");
    for (const std::string& pair : given.list("values")) {
        const auto equals = pair.find('=');
        const std::string key = pair.substr(0, equals);
        if (equals == std::string::npos || key.empty())
            fail(Exit::usage, "'{}' is not KEY=VALUE", printable(pair));
        if (is_word_of_ours(key) && !vm_schema().find(key))
            words.add(key, pair.substr(equals + 1));
        else
            words.add("values", pair);
    }
    for (const std::string_view key : {"name", "memory", "cores", "ostype", "description"})
        if (const auto value = given.get(key)) words.add("values", std::string(key) + "=" + *value);
    return words;
}

std::string encode_ssh_keys(const Host& host, const std::vector<std::string>& given) {
    std::string keys;
    for (const std::string& one : given) {
        std::string text = one;
        if (one.rfind("ssh-", 0) != 0 && one.rfind("ecdsa-", 0) != 0 && one.rfind("sk-", 0) != 0) {
            const auto content = host.read(one);
            if (!content)
                fail(Exit::not_found, "'{}' is neither an SSH key nor a file with keys",
                     printable(one));
            text = *content;
        }
        keys += std::string(trim(text)) + "\n";
    }
    std::string encoded;
    for (const char c : keys) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        encoded +=
            plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return encoded;
}

}  // namespace lodge
