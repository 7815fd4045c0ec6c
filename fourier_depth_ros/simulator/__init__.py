"""Simulated furnished rooms: pictures with exact metric depth, on a CPU, without a display.

assets (furniture and textures that the user installs) -> rooms (a random layout, with desks), or
passages (corridors, halls, doorways, stairs) -> people in them -> lighting
(baked by ray tracing) -> renderer (OpenGL on EGL; or cycles, which traces the light) -> views
(cameras, and what is dropped) -> dataset (files), all of it driven by simulation (resuming,
processes). What is written is read by data.folder.FolderDepth.
"""
