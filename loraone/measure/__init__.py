"""What is measured of a model and its layers: spectra, angles, reports, curvature."""
