"""The renderer's GLSL.

Convention: textures hold display colours (gamma 2.2), everything else is linear; what is drawn is
radiance, and beside it depth: z in the camera's frame [m], 0 where invalid (glass, sky).
"""

MOST_GLOW = 4.0  # of a screen; the share of it is a byte a vertex

#: Light that both kinds of geometry get at run time: lamp and sun with shadow maps, highlights.
_LIGHT = """
#version 330
uniform sampler2DArray pictures;
uniform sampler2DShadow lamp_map, sun_map;
uniform mat4 lamp_matrix, sun_matrix;
uniform vec3 lamp, lamp_color, sun_way, sun_color, eye, forward, window, window_color;
layout(location = 0) out vec4 color;
layout(location = 1) out vec4 depth;

vec4 picture(vec2 uv, float layer) {
    return layer < 0.0 ? vec4(1.0) : texture(pictures, vec3(uv, layer));
}
float lit(sampler2DShadow map, mat4 matrix, vec3 p, float radius) {
    vec4 q = matrix * vec4(p, 1.0);
    if (q.w <= 0.0) return 1.0;
    vec3 r = q.xyz / q.w * 0.5 + 0.5;
    if (any(lessThan(r.xy, vec2(0.0))) || any(greaterThan(r.xy, vec2(1.0)))) return 1.0;
    float sum = 0.0;
    for (int i = 0; i < 2; i++)
        for (int j = 0; j < 2; j++)
            sum += texture(map, vec3(r.xy + (vec2(i, j) - 0.5) * radius, r.z - 0.0008));
    return sum * 0.25;
}
vec3 shine(vec3 albedo, vec3 indirect, vec3 p, vec3 n, vec3 view, float gloss) {
    vec3 way = lamp - p;
    float square = dot(way, way);
    way *= inversesqrt(square);
    vec3 from = p + 0.012 * n;
    float lamp_cos = dot(n, way);
    vec3 lamp_light = vec3(0.0);
    if (lamp_cos > 0.0)
        lamp_light = lamp_color * lit(lamp_map, lamp_matrix, from, 0.0025) / (square + 0.05);
    vec3 light = indirect + lamp_light * max(lamp_cos, 0.0);
    float sun_cos = -dot(n, sun_way);
    if (sun_color.r > 0.0 && sun_cos > 0.0)
        light += sun_color * sun_cos * lit(sun_map, sun_matrix, from, 0.0012);
    vec3 result = albedo * light;
    if (gloss > 0.02) {
        float edge = 0.04 + 0.4 * pow(1.0 - max(dot(n, view), 0.0), 4.0);
        float lamp_spot = pow(max(dot(n, normalize(view + way)), 0.0), 60.0) * 3.0;
        vec3 out_of = normalize(window - p);
        float window_spot = pow(max(dot(n, normalize(view + out_of)), 0.0), 40.0);
        result += gloss * edge * (lamp_light * lamp_spot + window_color * window_spot + indirect);
    }
    return result;
}
"""

SURFACE_VERTEX = """
#version 330
uniform mat4 camera;
in vec3 in_position, in_normal, in_emission;
in vec2 in_uv, in_spot;
in vec4 in_color;
in vec2 in_layer;
out vec3 position;
out vec3 normal, emission;
out vec2 uv, spot;
out vec4 tint;
flat out float layer, sky;
void main() {
    gl_Position = camera * vec4(in_position, 1.0);
    position = in_position; normal = in_normal; uv = in_uv; spot = in_spot; tint = in_color;
    emission = in_emission; layer = in_layer.x; sky = in_layer.y;
}
"""

#: Rectangles: their own light map, at ``spot`` of the atlas.
SURFACE_FRAGMENT = (
    _LIGHT
    + """
uniform sampler2D atlas;
in vec3 position;
in vec3 normal, emission;
in vec2 uv, spot;
in vec4 tint;
flat in float layer, sky;
void main() {
    vec4 texel = picture(uv, layer);
    vec3 albedo = tint.rgb * tint.rgb * pow(texel.rgb, vec3(2.2));
    vec3 view = normalize(eye - position);
    color = vec4(albedo * emission, 1.0);
    if (emission.r <= 0.0)
        color.rgb = shine(albedo, texture(atlas, spot).rgb, position, normal, view, tint.a);
    depth = vec4(sky > 0.5 ? 0.0 : dot(position - eye, forward), 0.0, 0.0, 1.0);
}
"""
)

OBJECT_VERTEX = """
#version 330
uniform mat4 camera;
in vec3 in_position, in_normal;
in vec2 in_uv;
in vec4 in_color, in_shade;
in float in_layer;
out vec3 position;
out vec3 normal;
out vec2 uv;
out vec4 tint, shade;
flat out float layer;
void main() {
    gl_Position = camera * vec4(in_position, 1.0);
    position = in_position; normal = in_normal; uv = in_uv; tint = in_color; shade = in_shade;
    layer = in_layer;
}
"""

#: Furniture: the probes' light from six directions, times the model's own shade; screens shine.
OBJECT_FRAGMENT = (
    _LIGHT
    + """
uniform sampler3D probes;
uniform vec3 room, cells;
uniform float glass, level;
in vec3 position;
in vec3 normal;
in vec2 uv;
in vec4 tint, shade;
flat in float layer;
vec3 probe(vec3 cell, int side) {
    vec3 at = vec3(cell.xy / cells.xy, (cell.z + float(side) * cells.z) / (6.0 * cells.z));
    return texture(probes, at).rgb;
}
vec3 ambient(vec3 p, vec3 n) {
    vec3 cell = clamp(p / room * cells, vec3(0.5), cells - 0.5);
    vec3 square = n * n;
    return square.x * probe(cell, n.x > 0.0 ? 0 : 1) + square.y * probe(cell, n.y > 0.0 ? 2 : 3)
         + square.z * probe(cell, n.z > 0.0 ? 4 : 5);
}
void main() {
    vec4 texel = picture(uv, layer);
    if (texel.a < 0.4) discard;
    vec3 albedo = tint.rgb * tint.rgb * pow(texel.rgb, vec3(2.2));
    vec3 view = normalize(eye - position);
    vec3 n = normalize(normal);
    bool front = dot(n, view) >= 0.0;
    if (!front) n = -n;
    float open = front ? shade.x : shade.y;
    float glow = shade.w * MOST_GLOW;
    vec3 own = glow > 0.0 ? vec3(0.02) : albedo;
    vec3 light = shine(own, ambient(position, n) * open, position, n, view, shade.z);
    light += albedo * glow * level;
    color = vec4(light, glass > 0.5 ? tint.a : 1.0);
    depth = vec4(glass > 0.5 ? 0.0 : dot(position - eye, forward), 0.0, 0.0, 1.0);
}
""".replace("MOST_GLOW", str(MOST_GLOW))
)

SHADOW_VERTEX = """
#version 330
uniform mat4 camera;
in vec3 in_position;
void main() { gl_Position = camera * vec4(in_position, 1.0); }
"""
SHADOW_FRAGMENT = """
#version 330
void main() {}
"""
