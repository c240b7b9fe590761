#include "engine/template/simplestreams.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/storage/ovf.h"
#include "engine/template/sum.h"
#include "engine/units.h"

namespace lodge {

using nlohmann::json;

namespace {

constexpr size_t most_products = 100000;
constexpr size_t most_text = 300;

[[noreturn]] void refuse(std::string_view why) {
    fail(Exit::refused, "the server's index is not understood: {}", why);
}

json object_of(std::string_view text, std::string_view format) {
    json value = json::parse(text, nullptr, false);
    if (value.is_discarded() || !value.is_object()) refuse("it is no JSON");
    const auto found = value.find("format");
    if (found == value.end() || !found->is_string() || found->get<std::string>() != format)
        refuse(fmt::format("it is not of the format {}", format));
    return value;
}

// Texts of a server become file names, requests and lines of a screen.
std::string text_of(const json& object, std::string_view key) {
    if (!object.is_object()) return "";
    const auto found = object.find(key);
    if (found == object.end() || !found->is_string()) return "";
    const std::string text = found->get<std::string>();
    const bool plain =
        text.size() <= most_text && std::all_of(text.begin(), text.end(), [](char c) {
            return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
        });
    return plain ? text : "";
}

const json& part_of(const json& object, std::string_view key) {
    static const json nothing;
    if (!object.is_object()) return nothing;
    const auto found = object.find(key);
    return found != object.end() ? *found : nothing;
}

// A path below the server's address and nowhere else.
bool is_stream_path(std::string_view path) {
    return is_member_name(path) && path.find_first_of("?#%\\: ") == std::string_view::npos;
}
bool is_item_path(std::string_view path) {
    // linuxcontainers.org has the version's colon in it.
    std::string plain(path);
    std::replace(plain.begin(), plain.end(), ':', '_');
    return path.find("://") == std::string_view::npos && is_stream_path(plain);
}

// Packed root filesystems that can be taken, the best first.
constexpr std::string_view kinds[] = {"root.tar.xz", "root.tar.zst", "root.tar.gz", "tar.xz",
                                      "tar.gz"};

// The best item of a version; false when it has none.
bool take_item(const json& items, StreamTemplate& one) {
    if (!items.is_object()) return false;
    for (const std::string_view kind : kinds) {
        for (const auto& [name, item] : items.items()) {
            if (text_of(item, "ftype") != kind) continue;
            one.path = text_of(item, "path");
            one.sha256 = text_of(item, "sha256");
            const json& size = part_of(item, "size");
            one.size = size.is_number_integer() ? size.get<int64_t>() : 0;
            if (is_item_path(one.path) && is_sha256(one.sha256) && one.size > 0) return true;
        }
    }
    return false;
}

bool take_product(const std::string& name, const json& product, StreamTemplate& one) {
    one.product = name;
    for (const std::string& alias : split(text_of(product, "aliases"), ','))
        if (!trim(alias).empty()) one.aliases.emplace_back(trim(alias));
    one.os = text_of(product, "os");
    one.release = text_of(product, "release");
    one.variant = text_of(product, "variant");
    one.arch = text_of(product, "arch");
    const json& versions = part_of(product, "versions");
    if (!versions.is_object()) return false;
    // Their names are dates, so that the last one is the newest.
    std::vector<std::string> names;
    for (const auto& [version, unused] : versions.items())
        names.push_back(version);
    std::sort(names.rbegin(), names.rend());
    for (const std::string& version : names) {
        if (version.size() > most_text || !take_item(part_of(versions.at(version), "items"), one))
            continue;
        one.version = printable(version);
        return true;
    }
    return false;
}

}  // namespace

const std::string& StreamTemplate::name() const {
    const auto shortest = std::min_element(
        aliases.begin(), aliases.end(),
        [](const std::string& a, const std::string& b) { return a.size() < b.size(); });
    return shortest != aliases.end() ? *shortest : product;
}

std::vector<std::string> parse_stream_index(std::string_view text) {
    const json all = object_of(text, "index:1.0");
    const json& index = part_of(all, "index");
    if (!index.is_object()) refuse("it names no products");
    std::vector<std::string> paths;
    for (const auto& [name, entry] : index.items()) {
        const std::string type = text_of(entry, "datatype");
        if (type != "image-downloads") continue;
        const std::string path = text_of(entry, "path");
        if (!is_item_path(path)) refuse("a path in it leads elsewhere");
        paths.push_back(path);
    }
    return paths;
}

std::vector<StreamTemplate> parse_stream_products(std::string_view text, size_t& skipped) {
    const json all = object_of(text, "products:1.0");
    const json& products = part_of(all, "products");
    if (!products.is_object()) refuse("it has no products");
    if (products.size() > most_products) refuse("it has too many products");
    std::vector<StreamTemplate> templates;
    for (const auto& [name, product] : products.items()) {
        StreamTemplate one;
        if (name.size() <= most_text && printable(name) == name && take_product(name, product, one))
            templates.push_back(std::move(one));
        else
            ++skipped;
    }
    return templates;
}

std::string print_stream_templates(const std::vector<StreamTemplate>& templates) {
    json list = json::array();
    for (const StreamTemplate& one : templates)
        list.push_back({{"product", one.product},
                        {"aliases", join(one.aliases, ",")},
                        {"os", one.os},
                        {"release", one.release},
                        {"variant", one.variant},
                        {"arch", one.arch},
                        {"version", one.version},
                        {"path", one.path},
                        {"sha256", one.sha256},
                        {"size", one.size}});
    return json{{"format", "lodge-templates:1"}, {"templates", list}}.dump(
        1, ' ', false, json::error_handler_t::replace);
}

std::vector<StreamTemplate> read_stream_templates(std::string_view text) {
    const json all = object_of(text, "lodge-templates:1");
    std::vector<StreamTemplate> templates;
    for (const json& entry : part_of(all, "templates")) {
        StreamTemplate one;
        one.product = text_of(entry, "product");
        for (const std::string& alias : split(text_of(entry, "aliases"), ','))
            if (!alias.empty()) one.aliases.push_back(alias);
        one.os = text_of(entry, "os");
        one.release = text_of(entry, "release");
        one.variant = text_of(entry, "variant");
        one.arch = text_of(entry, "arch");
        one.version = text_of(entry, "version");
        one.path = text_of(entry, "path");
        one.sha256 = text_of(entry, "sha256");
        const json& size = part_of(entry, "size");
        one.size = size.is_number_integer() ? size.get<int64_t>() : 0;
        if (!is_item_path(one.path) || !is_sha256(one.sha256)) refuse("what was kept of it");
        templates.push_back(std::move(one));
    }
    return templates;
}

std::string template_file_name(std::string_view server, const StreamTemplate& one) {
    std::string ending = one.path.substr(one.path.rfind('/') + 1);
    const auto tar = ending.find(".tar");
    ending = tar == std::string::npos ? ".tar" : ending.substr(tar);
    std::string name = fmt::format("{}-{}-{}", server, one.product, one.version);
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
        const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
        if (!plain) c = '-';
    }
    if (name.size() > 200) name.resize(200);
    return name + ending;
}

}  // namespace lodge
