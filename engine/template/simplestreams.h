#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// The index of a server of images in the simplestreams format, as linuxcontainers.org and
// cloud-images.ubuntu.com keep it: streams/v1/index.json names files of products, each product has
// versions, each version has items with path, size and SHA-256.

namespace lodge {

// StreamTemplate is the newest root filesystem of one product that a container can be made of.
struct StreamTemplate {
    std::string product;               // "debian:bookworm:amd64:default"
    std::vector<std::string> aliases;  // "debian/bookworm", "debian/12"
    std::string os, release, variant, arch;
    std::string version;  // "20261120_05:24"
    std::string path;     // below the server's address
    std::string sha256;   // 64 hex digits
    int64_t size = 0;     // bytes
    // What a person calls it: the shortest alias, else the product.
    const std::string& name() const;
};

// Paths of the files of products that an index.json names: "streams/v1/images.json". Throws
// Error(Exit::refused) for what is no such index.
std::vector<std::string> parse_stream_index(std::string_view json);
// The templates of such a file, in its order; versions of squashfs only, or without a checksum, are
// none. `skipped` counts the products that have no template. Throws Error(Exit::refused).
std::vector<StreamTemplate> parse_stream_products(std::string_view json, size_t& skipped);

// What is kept of a server's index between looks, and back; throws Error(Exit::refused).
std::string print_stream_templates(const std::vector<StreamTemplate>& templates);
std::vector<StreamTemplate> read_stream_templates(std::string_view json);

// The file that the template has on a storage: server, product, version and ending in letters that
// any storage takes.
std::string template_file_name(std::string_view server, const StreamTemplate& one);

}  // namespace lodge
