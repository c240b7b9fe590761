#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/container/rootfs.h"
#include "engine/plan.h"
#include "engine/template/servers.h"

namespace lodge {

struct Engine;

// TemplateOrigin is where a template on a storage came from, as a hidden file beside it says.
struct TemplateOrigin {
    std::string name;     // as it was asked for: "images:debian/12"
    std::string product;  // of a server, "" otherwise
    std::string version;
    std::string url;
    std::string sha256;
    int64_t fetched = 0;  // Unix time, seconds
};

// LocalTemplate is a template on one of our storages.
struct LocalTemplate {
    std::string volume, path;
    int64_t size = 0;      // bytes
    int64_t modified = 0;  // Unix time, seconds
    bool partial = false;  // a download that broke off: only a part is there
    std::optional<TemplateOrigin> origin;
    std::string newer;  // version that the server had when it was last asked; "" for none
};
std::vector<LocalTemplate> local_templates(Engine& engine);
// Throws Error(Exit::not_found).
LocalTemplate local_template(Engine& engine, std::string_view volume);

// OfferedTemplate is a template that a server had when it was last asked.
struct OfferedTemplate {
    TemplateServer server;
    StreamTemplate facts;
    std::string volume;  // where it is already; "" when it is not here
    std::string id() const { return server.id + ":" + facts.name(); }
};
// Those for this machine's processor; "" takes all servers.
std::vector<OfferedTemplate> offered_templates(Engine& engine, std::string_view server = {});

// Whether the text names something to be fetched or built: "images:debian/12" of a server that is
// known, "docker://docker.io/library/nginx", "debian:bookworm".
bool is_remote_template(Engine& engine, std::string_view given);
// RemoteTemplate is where a template that has to come first will be.
struct RemoteTemplate {
    std::string volume, path;
    bool image = false;  // of OCI
    RootfsFacts facts;   // what is known of it beforehand
};
// RemoteOptions is how it is fetched.
struct RemoteOptions {
    std::string storage;               // "" for the first that takes templates
    bool again = false;                // although it is here
    bool plain_http = false;           // a registry without TLS
    std::vector<std::string> include;  // further packages of a build
    bool minimal = false;              // a build without init and network
    bool facts = false;                // asks a registry for the image's configuration now
};
// Adds the steps that bring it, none when it is here already. Throws Error.
RemoteTemplate plan_fetch_template(Engine& engine, const std::string& given,
                                   const RemoteOptions& options, Plan& plan);

// The verbs template-….
std::span<const ActionKind> template_actions();

}  // namespace lodge
