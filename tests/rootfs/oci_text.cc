#include "tests/rootfs/oci_text.h"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>

#include "engine/container/rootfs_source.h"
#include "engine/fd.h"
#include "tests/rootfs/archive_text.h"
#include "tests/support/cases.h"

namespace lodge {

using nlohmann::json;

std::string sha256_hex(const std::string& bytes) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> sum{};
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), sum.data());
    std::string hex;
    for (const unsigned char byte : sum)
        hex += fmt::format("{:02x}", byte);
    return hex;
}

void make_oci_layout(const std::string& folder, const std::vector<std::string>& layers,
                     const std::string& config, const std::string& tag, const std::string& tamper) {
    std::filesystem::create_directories(folder + "/blobs/sha256");
    const auto put = [&](std::string bytes, const std::string& type, const std::string& name) {
        const json descriptor = {{"mediaType", "application/vnd.oci.image." + type},
                                 {"digest", "sha256:" + sha256_hex(bytes)},
                                 {"size", bytes.size()}};
        if (tamper == name) bytes[bytes.size() / 2] ^= 1;
        if (tamper != "missing" || name != "layer1")
            std::ofstream(
                folder + "/blobs/sha256/" + descriptor["digest"].get<std::string>().substr(7),
                std::ios::binary)
                << bytes;
        return descriptor;
    };
    json manifest = {{"schemaVersion", 2}};
    manifest["config"] = put(config, "config.v1+json", "config");
    manifest["layers"] = json::array();
    for (size_t i = 0; i < layers.size(); ++i)
        manifest["layers"].push_back(
            put(archive_of_text(layers[i]), "layer.v1.tar", "layer" + std::to_string(i + 1)));
    json entry = put(manifest.dump(), "manifest.v1+json", "manifest");
    entry["annotations"] = {{"org.opencontainers.image.ref.name", tag}};
    entry["platform"] = {{"os", "linux"},
                         {"architecture", machine_arch() == "armhf" ? "arm" : machine_arch()}};
    json other = entry;  // of another processor
    other["platform"]["architecture"] = "s390x";
    other["digest"] = "sha256:" + std::string(64, 'a');
    std::ofstream(folder + "/index.json")
        << json{{"schemaVersion", 2}, {"manifests", {other, entry}}}.dump();
    std::ofstream(folder + "/oci-layout") << R"({"imageLayoutVersion":"1.0.0"})";
}

void make_oci_archive(const std::string& folder, const std::string& file) {
    const std::unique_ptr<archive, Owned<archive_write_free>> to(archive_write_new());
    archive_write_set_format_ustar(to.get());
    archive_write_open_filename(to.get(), file.c_str());
    for (const auto& one : std::filesystem::recursive_directory_iterator(folder)) {
        if (!one.is_regular_file()) continue;
        const std::string bytes = cases::read(one.path());
        const std::unique_ptr<archive_entry, Owned<archive_entry_free>> entry(archive_entry_new());
        archive_entry_set_pathname(entry.get(),
                                   one.path().lexically_relative(folder).string().c_str());
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0644);
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
        archive_write_header(to.get(), entry.get());
        archive_write_data(to.get(), bytes.data(), bytes.size());
    }
    archive_write_close(to.get());
}

}  // namespace lodge
